/** Pre-tokenisation: a text is cut into words, and no token ever reaches across two of them. */
import { toByteCharacters } from "./byte-alphabet.ts";

export interface Splitter {
  /** Words of a plain text, in order, nothing lost. */
  split(text: string): readonly string[];
  /** A word in byte characters. */
  toByteCharacters(word: string): string;
}

/**
 * The pattern of Qwen2 and Qwen3, as llama.cpp's `pre: qwen2` has it: digits stand alone, a space joins the letters or the
 * punctuation after it but never a digit. `\s` is Unicode's White_Space there, which JavaScript's `\s` is not quite.
 */
const QWEN2_WORD =
  /'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\p{White_Space}\p{L}\p{N}]+[\r\n]*|\p{White_Space}*[\r\n]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** The same pattern as tokenizer.json spells it (Oniguruma syntax). */
export const QWEN2_PATTERN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

export const qwen2Splitter: Splitter = {
  split: (text) => text.match(QWEN2_WORD) ?? [],
  toByteCharacters,
};
