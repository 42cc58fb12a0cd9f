/**
 * (3) The paper's latency figure from its published speeds: the speed-up over the large model against the share that it writes. The paper
 * simulates chunks of 256 tokens, with a prompt of 2,048 and an output of 16,384. A chunk takes the longer of its decoding and the other
 * model's prefill. A share is rounded down to whole chunks. The evaluation times are of one run of AIME24.
 */
import { engineProfileSchema, pairCosts, simulate, type Trace } from "../../src/latency/index.ts";
import { PAPER_SPEEDS } from "../pipeline/paper-pair.ts";

const PAPER_PROFILES = {
  small: engineProfileSchema.parse({ model: "R1-Distill-Qwen-1.5B", ...PAPER_SPEEDS.small }),
  big: engineProfileSchema.parse({ model: "R1-Distill-Qwen-32B", ...PAPER_SPEEDS.big }),
};

/** Seconds of the paper's evaluation. */
export const EVALUATION = { small: 683, big: 3143, reference: 1805, pipelined: 918 };

const PROMPT = 2048;
const OUTPUT = 16_384;
const PUBLISHED_CHUNK = 256;

/** The published simulation's rule, with its rounding. */
function publishedSpeedup(share: number): { readonly speedup: number; readonly chunks: number } {
  const { decode: smallDecode } = PAPER_SPEEDS.small;
  const { decode: bigDecode, prefill: bigPrefill } = PAPER_SPEEDS.big;
  const all = OUTPUT / PUBLISHED_CHUNK;
  const chunks = Math.floor(Math.round(share * OUTPUT) / PUBLISHED_CHUNK);
  const smallChunk = PUBLISHED_CHUNK * Math.max(1 / smallDecode, 1 / bigPrefill);
  const both = PROMPT / bigPrefill + (all - chunks) * smallChunk + (chunks * PUBLISHED_CHUNK) / bigDecode;
  return { speedup: (PROMPT / bigPrefill + OUTPUT / bigDecode) / both, chunks };
}

/** Spans of `spanTokens` spread evenly, as many as the share needs. */
function syntheticTrace(share: number, spanTokens: number, promptTokens = PROMPT, output = OUTPUT): Trace {
  const big = Math.round(share * output);
  const spans = Math.ceil(big / spanTokens);
  const segments: Trace["segments"][number][] = [];
  let [bigLeft, smallLeft] = [big, output - big];
  for (let span = 0; span < spans; span++) {
    const own = Math.round(smallLeft / (spans - span + 1));
    const other = Math.min(spanTokens, bigLeft);
    segments.push({ author: "small", tokens: own, began: "scheduled", ended: "tag" });
    segments.push({ author: "big", tokens: other, began: "asked", ended: "cut" });
    smallLeft -= own;
    bigLeft -= other;
  }
  segments.push({ author: "small", tokens: smallLeft, began: "scheduled", ended: "end-of-turn" });
  return { promptTokens, segments };
}

export interface PaperRow {
  readonly share: number;
  readonly published: number;
  readonly publishedShare: number;
  /** Ours, by length of span: 20, 64 and 256 tokens. */
  readonly pipelined: readonly number[];
  readonly reference: readonly number[];
}

export const SPANS = [20, 64, 256] as const;
const SHARES = [0, 0.0135, 0.014, 0.05, 0.063, 0.1, 0.15] as const;

export function paperRows(): PaperRow[] {
  const costs = pairCosts(PAPER_PROFILES);
  return SHARES.map((share) => {
    const { speedup, chunks } = publishedSpeedup(share);
    const of = (mode: "pipelined" | "reference"): number[] =>
      SPANS.map((span) => {
        const trace = syntheticTrace(share, span);
        return simulate(trace, costs, "big-alone").totalMs / simulate(trace, costs, mode).totalMs;
      });
    return {
      share,
      published: speedup,
      publishedShare: (chunks * PUBLISHED_CHUNK) / OUTPUT,
      pipelined: of("pipelined"),
      reference: of("reference"),
    };
  });
}

/** Evaluation times as multiples of the small model's alone, at the paper's shares: its speeds, and our predictions (spans of 64). */
export function evaluationRows() {
  const costs = pairCosts(PAPER_PROFILES);
  return [0.044, 0.046, 0.05, 0.063].map((share) => {
    const trace = syntheticTrace(share, 64, 200, 3300);
    const alone = simulate(trace, costs, "small-alone").totalMs;
    const of = (mode: "pipelined" | "reference" | "big-alone"): number =>
      (EVALUATION.small * simulate(trace, costs, mode).totalMs) / alone;
    return { share, pipelined: of("pipelined"), reference: of("reference"), big: of("big-alone") };
  });
}
