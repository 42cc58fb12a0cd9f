/**
 * Where one step of a chain of thought ends and the next begins. Pure, and known from the end of the text alone, so that it does not
 * depend on how the text was cut into tokens, segments or authors.
 */
import type { StepKind, Until } from "./policy.ts";

export const STEP_KINDS = ["paragraph", "line", "sentence"] as const satisfies readonly StepKind[];

/** Code units of the end of a text within which a boundary is looked for. */
export const TAIL_LENGTH = 512;

/** The end of a step, where a text ends with it and the white space after it. */
const ENDED: Readonly<Record<StepKind, RegExp>> = {
  paragraph: /\n[^\S\n]*\n\s*$/u,
  line: /\n\s*$/u,
  sentence: /(?:\n|[.!?]["'”’)\]}*]*\s)\s*$/u,
};

/** A sentence that is over if white space follows: `3.` is not, in `3.14`. */
const MAY_END = /[.!?]["'”’)\]}*]*$/u;

const isBlank = (text: string): boolean => text.trim() === "";

/**
 * Tells from the end of the text whether the next token begins a step: always (`next`), if it begins with white space (`space`), or never
 * (`no`). A token of nothing but white space never begins a step: it belongs to the boundary.
 */
export function stepStart(kind: StepKind, tail: string): "next" | "space" | "no" {
  if (isBlank(tail) || ENDED[kind].test(tail)) return "next";
  return kind === "sentence" && MAY_END.test(tail) ? "space" : "no";
}

/** Whether `token` is the first of a step, after a text with this end. */
export function beginsStep(kind: StepKind, tail: string, token: string): boolean {
  if (isBlank(token)) return false;
  const start = stepStart(kind, tail);
  return start === "next" || (start === "space" && /^\s/u.test(token));
}

/** The last step of the text, as far as it is written; undefined where it began before the tail. */
export function currentStep(kind: StepKind, tail: string): string | undefined {
  const ends = kind === "paragraph" ? /\n[^\S\n]*\n\s*/gu : kind === "line" ? /\n\s*/gu : SENTENCE_ENDS;
  let from = tail.length < TAIL_LENGTH ? 0 : undefined;
  for (const match of tail.matchAll(ends)) from = match.index + match[0].length;
  return from === undefined ? undefined : tail.slice(from);
}

const SENTENCE_ENDS = /(?:\n|[.!?]["'”’)\]}*]*\s)\s*/gu;

/**
 * Ends a segment where the step ends in which the segment begins. `tail` is the end of the text before it. White space after a step belongs
 * to the step. Where only the next token tells that a sentence is over, that token is discarded.
 */
export function untilStepEnds(kind: StepKind, tail: string): Until {
  const start = stepStart(kind, tail);
  return ({ text }, segmentText) => {
    const before = (tail + segmentText).slice(-TAIL_LENGTH);
    const isFirst = isBlank(segmentText) && start !== "no";
    if (!isFirst && beginsStep(kind, before, text)) return "before";
    const hasContent = start === "no" || !isBlank(segmentText + text);
    return hasContent && stepStart(kind, before + text) === "next" ? "after" : undefined;
  };
}
