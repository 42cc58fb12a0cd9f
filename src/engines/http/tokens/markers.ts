/** Texts that may be control tokens of a server's vocabulary, and a way to keep user text from becoming one. */
import { OFFLOAD_TAGS, THINK_TAGS } from "../../../tags/grammar.ts";

/** Markers that every server is asked about. Those of the chat template and of the spec are added. */
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

/** Whether servers put this marker before a text themselves. */
export const beginsText = (marker: string): boolean => BEGINS_OF_TEXT.has(marker);

/** The forms of markers in all families of models: `<|...|>`, `<｜...｜>`, `<name>`, `</name>`, `[INST]`. */
const MARKER_LIKE = /<[|｜][^<>|｜]{1,64}[|｜]>|<\/?[A-Za-z_][\w:-]{0,63}>|\[\/?[A-Z_]{2,32}\]/gu;
const MAX_MARKERS = 64;

export function markersIn(text: string): readonly string[] {
  return [...new Set(text.match(MARKER_LIKE))].slice(0, MAX_MARKERS);
}

const WORD_JOINER = "\u2060";

/**
 * Changes a text so that no server finds a control token in it. Everything that looks like a marker, or is one of `markers`, gets an
 * invisible word joiner after its first character. Only the model reads the result.
 */
export function neutralised(text: string, markers: readonly string[]): string {
  let safe = text.replace(MARKER_LIKE, (marker) => marker.charAt(0) + WORD_JOINER + marker.slice(1));
  for (const marker of markers) {
    if (safe.includes(marker))
      safe = safe.replaceAll(marker, marker.charAt(0) + WORD_JOINER + marker.slice(1));
  }
  return safe;
}
