/** Pre-tokenisation: cuts a text into words. No token ever reaches across two words. */
import { toByteCharacters } from "../formats/byte-alphabet.ts";

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
