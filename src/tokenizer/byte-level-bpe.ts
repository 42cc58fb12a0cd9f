/** Builds a byte-level BPE vocabulary for a corpus of few words. In the end every word is one token. */
import { ConfigError } from "../core/errors.ts";
import { byteCharacters } from "../formats/byte-alphabet.ts";
import { qwen2Splitter } from "./bpe-encoder.ts";
import type { Vocabulary } from "./vocabulary.ts";

export interface BytePairOptions {
  /** Texts without markers; their order does not matter. */
  readonly corpus: Iterable<string>;
  /** Markers that become one control token each, in this order, after all merges. */
  readonly controlTokens: readonly string[];
  /** Most tokens, controls included, before rounding up. Default: as many as make every word one token. */
  readonly maxSize?: number;
  /**
   * The size is rounded up to a multiple of this with control tokens `<|reserved_0|>` and so on. Default 16: matrix kernels work on 16
   * columns at a time, so these rows cost no time.
   */
  readonly multipleOf?: number;
}

/**
 * Builds the vocabulary. Ids 0-255 are the bytes in order; then come one token for each merge, the controls, and reserved controls. Each
 * merge is the pair found in the most distinct words; among equals, the first in code unit order.
 *
 * Unlike in Sennrich et al. 2016, the number of times that a word occurs does not count. All words shall be whole in the end, so the
 * vocabulary depends on the set of words only. Words are cut as in Qwen2, so digits stay single.
 * @throws ConfigError if the controls leave no room within `maxSize`, or repeat.
 */
export function trainBytePairs(options: BytePairOptions): Vocabulary {
  const { controlTokens, maxSize = Number.POSITIVE_INFINITY, multipleOf = 16 } = options;
  const maxMerges = maxSize - 256 - controlTokens.length;
  if (maxMerges < 0 || new Set(controlTokens).size < controlTokens.length || controlTokens.includes("")) {
    throw new ConfigError(
      `a vocabulary of at most ${maxSize} tokens cannot hold 256 bytes and the control tokens ${JSON.stringify(controlTokens)}: ` +
        `they must be distinct, not empty, and fit.`,
      { code: "config-invalid" },
    );
  }
  let words = distinctWords(options.corpus);
  const tokens = [...byteCharacters()];
  const known = new Set(tokens);
  const merges: string[] = [];
  while (merges.length < maxMerges) {
    const pair = mostSharedPair(words);
    if (pair === undefined) break;
    const [left, right] = pair;
    merges.push(`${left} ${right}`);
    // Two pairs can make the same text: it is one token, reached by two merges.
    if (!known.has(left + right)) tokens.push(left + right);
    known.add(left + right);
    words = words.map((symbols) => mergePair(symbols, left, right));
  }
  const firstControl = tokens.length;
  tokens.push(...controlTokens);
  for (let index = 0; tokens.length % multipleOf !== 0; index++) tokens.push(`<|reserved_${index}|>`);
  const controls = Array.from({ length: tokens.length - firstControl }, (_, index) => firstControl + index);
  return { tokens, merges, controls };
}

/** The words of a corpus, each as its bytes. */
function distinctWords(corpus: Iterable<string>): string[][] {
  const words = new Set<string>();
  for (const text of corpus) {
    for (const word of qwen2Splitter.split(text)) words.add(word);
  }
  return Array.from(words, (word) => Array.from(qwen2Splitter.toByteCharacters(word)));
}

function mostSharedPair(words: readonly (readonly string[])[]): readonly [string, string] | undefined {
  const counts = new Map<string, number>();
  for (const symbols of words) {
    const pairs = new Set(symbols.slice(1).map((symbol, index) => `${symbols[index]} ${symbol}`));
    for (const pair of pairs) counts.set(pair, (counts.get(pair) ?? 0) + 1);
  }
  let best = "";
  let bestCount = 0;
  for (const [pair, count] of counts) {
    if (count > bestCount || (count === bestCount && pair < best)) {
      best = pair;
      bestCount = count;
    }
  }
  const [left, right] = best.split(" ");
  return left === undefined || right === undefined ? undefined : [left, right];
}

function mergePair(symbols: readonly string[], left: string, right: string): string[] {
  const merged: string[] = [];
  let isTaken = false;
  for (const [index, symbol] of symbols.entries()) {
    if (isTaken) {
      isTaken = false;
    } else if (symbol === left && symbols[index + 1] === right) {
      merged.push(left + right);
      isTaken = true;
    } else {
      merged.push(symbol);
    }
  }
  return merged;
}
