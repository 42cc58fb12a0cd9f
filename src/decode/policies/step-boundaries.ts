/**
 * Where one step of a chain of thought ends and the next begins. Pure, and known from the end of the text alone, so that it does not
 * depend on how the text was cut into tokens, segments or authors.
 */
import type { StepKind, Until } from "./policy.ts";

export const STEP_KINDS = ["paragraph", "line", "sentence", "clause"] as const satisfies readonly StepKind[];

/** Code units of the end of a text within which a boundary is looked for. */
export const TAIL_LENGTH = 512;

interface Boundary {
  /** The end of a step, where a text ends with it and the white space after it. */
  readonly ended: RegExp;
  /** A step that is over if white space follows: `3.` is not, in `3.14`. Undefined where white space alone tells. */
  readonly mayEnd?: RegExp;
  /** All ends of steps in a text. */
  readonly ends: RegExp;
}

/** Steps that end with a mark, closing brackets, and white space; and with a line. */
const markedBy = (marks: string): Boundary => {
  const end = `${marks}["'”’)\\]}*]*`;
  return {
    ended: new RegExp(`(?:\\n|${end}\\s)\\s*$`, "u"),
    mayEnd: new RegExp(`${end}$`, "u"),
    ends: new RegExp(`(?:\\n|${end}\\s)\\s*`, "gu"),
  };
};

const BOUNDARIES: Readonly<Record<StepKind, Boundary>> = {
  paragraph: { ended: /\n[^\S\n]*\n\s*$/u, ends: /\n[^\S\n]*\n\s*/gu },
  line: { ended: /\n\s*$/u, ends: /\n\s*/gu },
  sentence: markedBy("[.!?]"),
  clause: markedBy("[.!?,;:=<>≤≥≈]"),
};

const isBlank = (text: string): boolean => text.trim() === "";

/**
 * Tells from the end of the text whether the next token begins a step: always (`next`), if it begins with white space (`space`), or never
 * (`no`). A token of nothing but white space never begins a step: it belongs to the boundary.
 */
export function stepStart(kind: StepKind, tail: string): "next" | "space" | "no" {
  const { ended, mayEnd } = BOUNDARIES[kind];
  if (isBlank(tail) || ended.test(tail)) return "next";
  return mayEnd?.test(tail) === true ? "space" : "no";
}

/** Whether `token` is the first of a step, after a text with this end. */
export function beginsStep(kind: StepKind, tail: string, token: string): boolean {
  if (isBlank(token)) return false;
  const start = stepStart(kind, tail);
  return start === "next" || (start === "space" && /^\s/u.test(token));
}

/** The last step of the text, as far as it is written; undefined where it began before the tail. */
export function currentStep(kind: StepKind, tail: string): string | undefined {
  let from = tail.length < TAIL_LENGTH ? 0 : undefined;
  for (const match of tail.matchAll(BOUNDARIES[kind].ends)) from = match.index + match[0].length;
  return from === undefined ? undefined : tail.slice(from);
}

/**
 * Ends a segment where the step ends in which the segment begins. `tail` is the end of the text before it. White space after a step belongs
 * to the step. Where only the next token tells that a step is over, that token is discarded.
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
