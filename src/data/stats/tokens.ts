/**
 * Tokens for counting when no tokenizer is given: a run of letters is one, every digit and every sign is one, white space is
 * none. Models with single-digit vocabularies count mathematics similarly. A model's own tokenizer can take its place.
 */
import { textPiece } from "../../core/piece.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";

/** UTF-16 offsets at which the tokens of a text begin, rising. */
export type TokenStarts = (text: string) => Int32Array;

const KIND = { space: 0, letter: 1, sign: 2, unknown: 3 } as const;
const CLASSES = new Uint8Array(65_536).fill(KIND.unknown);

function classOf(unit: number): number {
  const known = CLASSES[unit] ?? KIND.sign;
  if (known !== KIND.unknown) return known;
  const character = String.fromCharCode(unit);
  const found = /\s/u.test(character)
    ? KIND.space
    : /[\p{L}\p{M}]/u.test(character)
      ? KIND.letter
      : KIND.sign;
  CLASSES[unit] = found;
  return found;
}

export const wordStarts: TokenStarts = (text) => {
  const starts = new Int32Array(text.length);
  let count = 0;
  let inWord = false;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    const kind = classOf(unit);
    const isLetter = kind === KIND.letter;
    // The second half of a surrogate pair belongs to the token that the first half began.
    const continues = (isLetter && inWord) || (unit >= 0xdc00 && unit < 0xe000);
    if (kind !== KIND.space && !continues) {
      starts[count] = index;
      count += 1;
    }
    inWord = isLetter;
  }
  return starts.subarray(0, count);
};

/** Starts of a model's own tokens. A token that begins within a code point counts from that code point. */
export function tokenizerStarts(tokenizer: Tokenizer): TokenStarts {
  return (text) => {
    const ids = tokenizer.encode([textPiece(text)]);
    const starts = new Int32Array(ids.length);
    let unit = 0;
    let unitByte = 0;
    let byte = 0;
    for (const [index, id] of ids.entries()) {
      // Advances to the code point that holds this byte.
      for (
        let width = widthAt(text, unit);
        unitByte + width.bytes <= byte && unit < text.length;
        width = widthAt(text, unit)
      ) {
        unitByte += width.bytes;
        unit += width.units;
      }
      starts[index] = unit;
      byte += tokenizer.bytes(id).length;
    }
    return starts;
  };
}

function widthAt(text: string, unit: number): { bytes: number; units: number } {
  const code = text.codePointAt(unit) ?? 0;
  if (code < 0x80) return { bytes: 1, units: 1 };
  if (code < 0x800) return { bytes: 2, units: 1 };
  return code < 0x1_0000 ? { bytes: 3, units: 1 } : { bytes: 4, units: 2 };
}

/** Counts the `starts` before `offset`. */
export function startsBefore(starts: Int32Array, offset: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((starts[middle] ?? 0) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
