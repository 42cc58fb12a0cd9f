/** Texts that may be control tokens of a vocabulary that is not at hand, and how to keep what people wrote from being taken for one. */
import { OFFLOAD_TAGS, THINK_TAGS } from "../../../tags/grammar.ts";

/** Asked about at every server; those of the chat template and of the spec are added. */
export const USUAL_MARKERS: readonly string[] = [
  OFFLOAD_TAGS.open,
  OFFLOAD_TAGS.close,
  THINK_TAGS.open,
  THINK_TAGS.close,
  "<|im_start|>",
  "<|im_end|>",
  "<|endoftext|>",
  "<s>",
  "</s>",
];

const BEGINS_OF_TEXT: ReadonlySet<string> = new Set([
  "<｜begin▁of▁sentence｜>",
  "<|begin_of_text|>",
  "<s>",
  "<bos>",
]);

/** The marker that servers put before a text by themselves. */
export const beginsText = (marker: string): boolean => BEGINS_OF_TEXT.has(marker);

/** `<|...|>`, `<｜...｜>`, `<name>`, `</name>`, `[INST]`: what markers look like in all the families of models. */
const MARKER_LIKE = /<[|｜][^<>|｜]{1,64}[|｜]>|<\/?[A-Za-z_][\w:-]{0,63}>|\[\/?[A-Z_]{2,32}\]/gu;
const MOST_MARKERS = 64;

export function markersIn(text: string): readonly string[] {
  return [...new Set(text.match(MARKER_LIKE))].slice(0, MOST_MARKERS);
}

const WORD_JOINER = "\u2060";

/**
 * A text in which no server finds a control token: an invisible word joiner stands behind the first character of everything that looks
 * like a marker or is one of `markers`. Only what the model reads is changed.
 */
export function neutralised(text: string, markers: readonly string[]): string {
  let safe = text.replace(MARKER_LIKE, (marker) => marker.charAt(0) + WORD_JOINER + marker.slice(1));
  for (const marker of markers) {
    if (safe.includes(marker))
      safe = safe.replaceAll(marker, marker.charAt(0) + WORD_JOINER + marker.slice(1));
  }
  return safe;
}
