/** A tokenizer for tests: 256 bytes, control tokens, and words if wanted. It is lossless and readable in failure messages. */
import { tokenId, type TokenId, type VocabularyId } from "../../core/ids.ts";
import type { Piece } from "../../core/piece.ts";
import { byteCharacters, toByteCharacters } from "../../formats/byte-alphabet.ts";
import { digestVocabulary, MarkerMatcher } from "../../tokenizer/index.ts";
import type { EngineTokenizer } from "../token-backend.ts";

export interface TestTokenizerOptions {
  /** Control tokens, ids 256 and up. Default: {@link TEST_CONTROLS}. */
  readonly controls?: readonly string[];
  /** The control token that ends a turn. Default `<|im_end|>`, if that is one of the controls. */
  readonly endOfTurn?: string;
  /** Ordinary tokens after the controls. A text is cut into the longest words that fit, and elsewhere into bytes. */
  readonly words?: readonly string[];
}

/** The control tokens of the shipped models' vocabulary. */
export const TEST_CONTROLS: readonly string[] = [
  "<|endoftext|>",
  "<|im_start|>",
  "<|im_end|>",
  "<think>",
  "</think>",
  "<bigmodel>",
  "</bigmodel>",
];

export function testTokenizer(options: TestTokenizerOptions = {}): EngineTokenizer {
  return new TestTokenizer(options);
}

class TestTokenizer implements EngineTokenizer {
  readonly vocabulary: VocabularyId;
  readonly size: number;
  readonly endOfTurn: TokenId | undefined;
  readonly #bytes: readonly Uint8Array[];
  readonly #markers: MarkerMatcher<TokenId>;
  readonly #words: ReadonlyMap<string, TokenId>;
  readonly #longestWord: number;

  constructor({ controls = TEST_CONTROLS, endOfTurn = "<|im_end|>", words = [] }: TestTokenizerOptions) {
    const texts = [...controls, ...words];
    this.#bytes = [...byteCharacters().keys()]
      .map((byte) => Uint8Array.of(byte))
      .concat(texts.map((text) => new TextEncoder().encode(text)));
    this.size = this.#bytes.length;
    this.#markers = new MarkerMatcher(
      new Map(controls.map((marker, index) => [marker, tokenId(256 + index)])),
    );
    this.#words = new Map(words.map((word, index) => [word, tokenId(256 + controls.length + index)]));
    this.#longestWord = Math.max(0, ...words.map((word) => word.length));
    this.endOfTurn = this.#markers.get(endOfTurn);
    this.vocabulary = digestVocabulary({
      tokens: [...byteCharacters(), ...controls, ...words.map(toByteCharacters)],
      merges: [],
      controls: controls.map((_, index) => 256 + index),
    });
  }

  endsTurn(id: TokenId): boolean {
    return id === this.endOfTurn;
  }

  controlId(marker: string): TokenId | undefined {
    return this.#markers.get(marker);
  }

  bytes(id: TokenId): Uint8Array {
    const bytes = this.#bytes[id];
    if (bytes === undefined)
      throw new RangeError(`token ${id} is not in the test vocabulary of ${this.size}`);
    return bytes;
  }

  decode(ids: readonly TokenId[]): string {
    return Buffer.concat(ids.map((id) => this.bytes(id))).toString("utf8");
  }

  encode(pieces: readonly Piece[]): TokenId[] {
    return this.#markers.fragments(pieces, this.vocabulary).flatMap((fragment): readonly TokenId[] => {
      if (fragment.kind === "text") return this.#encodeText(fragment.text);
      return fragment.kind === "control" ? [fragment.control] : fragment.ids;
    });
  }

  #encodeText(text: string): TokenId[] {
    const ids: TokenId[] = [];
    let start = 0;
    while (start < text.length) {
      const word = this.#wordAt(text, start);
      if (word !== undefined) {
        ids.push(word.id);
        start += word.length;
        continue;
      }
      const character = String.fromCodePoint(text.codePointAt(start) ?? 0);
      for (const byte of new TextEncoder().encode(character)) ids.push(tokenId(byte));
      start += character.length;
    }
    return ids;
  }

  #wordAt(text: string, start: number): { readonly id: TokenId; readonly length: number } | undefined {
    for (let length = Math.min(this.#longestWord, text.length - start); length > 0; length--) {
      const id = this.#words.get(text.slice(start, start + length));
      if (id !== undefined) return { id, length };
    }
    return undefined;
  }
}
