/** Which samples of a problem become rows. Pure, so that other settings choose again from the same journal. */
import { OFFLOAD_TAGS, type TagPair } from "../../tags/index.ts";
import type { Sample } from "./sample.ts";

export interface ChoiceOptions {
  /** Most rows of a problem. The cheapest right ones are taken first. */
  readonly keep: number;
  /** The big model's share of a sample's tokens. A sample without a hand-over is not judged by it. */
  readonly minShare: number;
  readonly maxShare: number;
  /** Whether samples without a hand-over are taken. They teach when not to ask. */
  readonly unaided: boolean;
}

/** Why a sample is no row. `wrong` and the others before `share` are the grader's or the run's verdict; the rest are a matter of choice. */
export type Rejection =
  | "wrong"
  | "unfinished"
  | "degraded"
  | "empty"
  | "has-tags"
  | "share"
  | "unaided"
  | "duplicate"
  | "keep";

export interface Choice {
  /** The cheapest first. */
  readonly kept: readonly Sample[];
  readonly rejected: readonly Rejection[];
}

export const shareOf = ({ smallTokens, bigTokens }: Sample): number =>
  smallTokens + bigTokens === 0 ? 0 : bigTokens / (smallTokens + bigTokens);

export const textOf = ({ parts }: Sample): string => parts.map(({ text }) => text).join("");

/**
 * @param samples Of one problem, in any order.
 * @param tags The pair's tags. A text that has them, or the usual ones, is not taken: nobody could tell them from the marks of spans.
 */
export function chooseSamples(samples: readonly Sample[], options: ChoiceOptions, tags: TagPair): Choice {
  const rejected: Rejection[] = [];
  const seen = new Set<string>();
  const kept: Sample[] = [];
  const inOrder = [...samples].sort((a, b) => shareOf(a) - shareOf(b) || a.sample - b.sample);
  for (const sample of inOrder) {
    const reason = faultOf(sample, tags) ?? unwanted(sample, options);
    const written = JSON.stringify(sample.parts.map(({ author, text }) => [author, text]));
    if (reason !== undefined) rejected.push(reason);
    else if (seen.has(written)) rejected.push("duplicate");
    else if (kept.length >= options.keep) rejected.push("keep");
    else {
      seen.add(written);
      kept.push(sample);
    }
  }
  return { kept, rejected };
}

/** Why a sample cannot be trained on. */
function faultOf(sample: Sample, tags: TagPair): Rejection | undefined {
  // A text that was cut would teach to end there.
  if (sample.finishReason !== "end-of-turn") return "unfinished";
  if (!sample.correct) return "wrong";
  if (sample.degraded !== undefined) return "degraded";
  const text = textOf(sample);
  if (text.trim() === "") return "empty";
  const markers = [tags, OFFLOAD_TAGS].flatMap(({ open, close }) => [open, close]);
  return markers.some((marker) => text.includes(marker)) ? "has-tags" : undefined;
}

function unwanted(sample: Sample, { minShare, maxShare, unaided }: ChoiceOptions): Rejection | undefined {
  if (sample.bigTokens === 0) return unaided ? undefined : "unaided";
  const share = shareOf(sample);
  return share < minShare || share > maxShare ? "share" : undefined;
}
