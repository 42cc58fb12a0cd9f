/** Synthetic annotated traces for benchmarks: text of a wanted length that counts and compresses like reasoning. */
import { createRng, type Rng } from "../core/rng.ts";
import type { Span, TraceRow } from "../formats/trace-row.ts";

export interface SyntheticOptions {
  readonly rows: number;
  /** Approximate number of words, digits and signs of each chain of thought. */
  readonly tokens: number;
  readonly seed: number;
}

const WORDS =
  "so we have the sum of both terms then wait let me check this again if it holds for all values because otherwise one side is larger than another and that gives us what was asked for".split(
    " ",
  );
const SPAN_TOKENS = 40;
/** One token in ten is in a span. */
const SPAN_EVERY = 400;

export class SyntheticTraces {
  readonly #options: SyntheticOptions;

  constructor(options: SyntheticOptions) {
    this.#options = options;
  }

  async *stream(): AsyncGenerator<TraceRow> {
    const root = createRng(this.#options.seed);
    for (let index = 0; index < this.#options.rows; index++) yield this.#row(root.fork(index), index);
  }

  #row(rng: Rng, index: number): TraceRow {
    const parts: string[] = [];
    const spans: Span[] = [];
    let length = 0;
    let open: number | undefined;
    for (let token = 0; token < this.#options.tokens; token++) {
      const at = token % SPAN_EVERY;
      if (at === SPAN_EVERY - SPAN_TOKENS) open = length;
      const part = this.#part(rng, token);
      parts.push(part);
      length += part.length;
      if (at === SPAN_EVERY - 1 && open !== undefined) {
        spans.push({ start: open, end: length });
        open = undefined;
      }
    }
    const answer = String(rng.integer(0, 999));
    return {
      id: `synthetic-${index}`,
      problem: `Synthetic problem ${index}: what is ${rng.integer(1, 999)} times ${rng.integer(1, 999)}?`,
      trace: `${parts.join("")}</think>\nThe answer is \\boxed{${answer}}.`,
      answer,
      spans,
      annotator: "synthetic",
      source: `source ${index % 5}`,
    };
  }

  /** Draws a token: mostly a word, sometimes a digit or a sign. */
  #part(rng: Rng, token: number): string {
    const draw = rng.next();
    if (draw < 0.72) return ` ${rng.pick(WORDS)}`;
    if (draw < 0.9) return ` ${rng.integer(0, 9)}`;
    return token % 40 === 39 ? ".\n" : ` ${rng.pick(["+", "=", "-", "("])}`;
  }
}
