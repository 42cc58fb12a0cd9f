/** Cuts a text into words, which no token crosses, and encodes a word to token ids by byte-pair merges in the order of their ranks. */
import { DataError } from "../core/errors.ts";
import { tokenId, type TokenId } from "../core/ids.ts";
import { toByteCharacters } from "../formats/byte-alphabet.ts";
import type { Vocabulary } from "./vocabulary.ts";

interface Merge {
  readonly rank: number;
  readonly id: number;
}

/** A pair that could be merged: `left` is the index of its first symbol. */
interface Candidate {
  readonly left: number;
  readonly leftId: number;
  readonly rightId: number;
  readonly merge: Merge;
}

export class BpeEncoder {
  readonly #idOfToken = new Map<string, number>();
  readonly #merges = new Map<number, Merge>();
  readonly #size: number;
  readonly #wholeWordsFirst: boolean;

  /**
   * @param wholeWordsFirst Whether a word that is a token is never split, whatever the merges say (`ignore_merges`, as in Llama 3).
   * @throws DataError if a merge names a token outside the vocabulary, or a byte has no token.
   */
  constructor(vocabulary: Vocabulary, wholeWordsFirst = false) {
    this.#size = vocabulary.tokens.length;
    this.#wholeWordsFirst = wholeWordsFirst;
    const controls = new Set(vocabulary.controls);
    for (const [id, token] of vocabulary.tokens.entries()) {
      if (token !== "" && !controls.has(id)) this.#idOfToken.set(token, id);
    }
    for (const [rank, merge] of vocabulary.merges.entries()) {
      const [left = "", right = ""] = merge.split(" ");
      const key = this.#pairKey(this.#requireId(left, merge), this.#requireId(right, merge));
      if (!this.#merges.has(key)) this.#merges.set(key, { rank, id: this.#requireId(left + right, merge) });
    }
  }

  /**
   * Encodes a word in byte characters. Takes O(n log n) for any word, since words may come from a user: the symbols are a linked list, the
   * candidates a heap.
   */
  encode(word: string): readonly TokenId[] {
    const whole = this.#wholeWordsFirst ? this.#idOfToken.get(word) : undefined;
    if (whole !== undefined) return [tokenId(whole)];
    const ids = Array.from(word, (character) => this.#requireId(character, word));
    const next = Int32Array.from(ids, (_, index) => index + 1);
    const previous = Int32Array.from(ids, (_, index) => index - 1);
    const heap = new CandidateHeap();
    const propose = (left: number, right: number) => {
      const leftId = ids[left];
      const rightId = ids[right];
      if (leftId === undefined || rightId === undefined) return;
      const merge = this.#merges.get(this.#pairKey(leftId, rightId));
      if (merge !== undefined) heap.push({ left, leftId, rightId, merge });
    };
    for (let index = 1; index < ids.length; index++) propose(index - 1, index);
    for (let candidate = heap.pop(); candidate !== undefined; candidate = heap.pop()) {
      const { left, leftId, rightId, merge } = candidate;
      const right = next[left] ?? ids.length;
      // A candidate is stale when one of its symbols has been merged meanwhile.
      if (ids[left] !== leftId || ids[right] !== rightId) continue;
      const after = next[right] ?? ids.length;
      ids[left] = merge.id;
      ids[right] = REMOVED;
      next[left] = after;
      if (after < ids.length) previous[after] = left;
      propose(previous[left] ?? -1, left);
      propose(left, after);
    }
    return ids.filter((id) => id !== REMOVED).map(tokenId);
  }

  #requireId(token: string, context: string): number {
    const id = this.#idOfToken.get(token);
    if (id === undefined) {
      throw new DataError(
        `the vocabulary has no token ${JSON.stringify(token)}, needed by ${JSON.stringify(context.slice(0, 60))}: ` +
          `it is not a complete byte-level BPE vocabulary.`,
        { code: "data-invalid" },
      );
    }
    return id;
  }

  #pairKey(left: number, right: number): number {
    return left * this.#size + right;
  }
}

const REMOVED = -1;

/** A binary heap: lowest rank first, then leftmost. */
class CandidateHeap {
  readonly #items: Candidate[] = [];

  push(candidate: Candidate): void {
    let index = this.#items.length;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#items[parentIndex];
      if (parent === undefined || comesBefore(parent, candidate)) break;
      this.#items[index] = parent;
      index = parentIndex;
    }
    this.#items[index] = candidate;
  }

  pop(): Candidate | undefined {
    const first = this.#items[0];
    const last = this.#items.pop();
    if (first === undefined || last === undefined || this.#items.length === 0) return first;
    let index = 0;
    for (;;) {
      let childIndex = 2 * index + 1;
      const left = this.#items[childIndex];
      const right = this.#items[childIndex + 1];
      if (left === undefined) break;
      const child = right !== undefined && comesBefore(right, left) ? right : left;
      if (child === right) childIndex++;
      if (comesBefore(last, child)) break;
      this.#items[index] = child;
      index = childIndex;
    }
    this.#items[index] = last;
    return first;
  }
}

function comesBefore(a: Candidate, b: Candidate): boolean {
  return a.merge.rank < b.merge.rank || (a.merge.rank === b.merge.rank && a.left < b.left);
}

export interface Splitter {
  /** The words of a plain text, in order. Together they are the whole text. */
  split(text: string): readonly string[];
  /** A word in byte characters. */
  toByteCharacters(word: string): string;
}

/**
 * The pattern of Qwen2 and Qwen3, as in llama.cpp's `pre: qwen2`. Digits stand alone; a space joins the letters or the punctuation after
 * it, but never a digit. `\s` means Unicode's White_Space there, which differs a little from JavaScript's `\s`.
 */
const QWEN2_WORD =
  /'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\p{White_Space}\p{L}\p{N}]+[\r\n]*|\p{White_Space}*[\r\n]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** The same pattern in the syntax of tokenizer.json (Oniguruma). */
export const QWEN2_PATTERN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

export const qwen2Splitter: Splitter = {
  split: (text) => text.match(QWEN2_WORD) ?? [],
  toByteCharacters,
};
