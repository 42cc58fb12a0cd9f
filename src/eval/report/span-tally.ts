/** Counts spans: their places in the traces, and their lengths in tokens. */
import { Distribution, LENGTH_EDGES } from "../../core/distribution.ts";
import type { ReportSpans } from "./document.ts";
import type { RecordedRow } from "../row.ts";

const POSITION_BINS = 20;

type Segment = RecordedRow["segments"][number];

/** Whether the small model wrote the segment between its own tags, as in the arm `self`. */
export const isOwnSpan = ({ author, reason }: Segment): boolean =>
  author === "small" && reason === "open-tag";

export class SpanTally {
  readonly #lengths = new Distribution();
  readonly #tokens = new Float64Array(POSITION_BINS);
  readonly #spanTokens = new Float64Array(POSITION_BINS);
  #tracesWith = 0;
  #byBig = 0;

  add(segments: readonly Segment[]): void {
    const all = segments.reduce((sum, { tokens }) => sum + tokens, 0);
    if (all === 0) return;
    const width = all / POSITION_BINS;
    for (let bin = 0; bin < POSITION_BINS; bin++) this.#tokens[bin] = (this.#tokens[bin] ?? 0) + width;
    let start = 0;
    let spans = 0;
    for (const segment of segments) {
      const end = start + segment.tokens;
      if (segment.tokens > 0 && (segment.author === "big" || isOwnSpan(segment))) {
        spans += 1;
        if (segment.author === "big") this.#byBig += 1;
        this.#lengths.add(segment.tokens);
        this.#spread(start, end, width);
      }
      start = end;
    }
    if (spans > 0) this.#tracesWith += 1;
  }

  /** Undefined without spans. */
  finish(): ReportSpans | undefined {
    if (this.#lengths.count === 0) return undefined;
    return {
      author: this.#byBig > 0 ? "big" : "small",
      count: this.#lengths.count,
      tracesWith: this.#tracesWith,
      position: Array.from(this.#tokens, (tokens, bin) => (this.#spanTokens[bin] ?? 0) / tokens),
      length: { ...this.#lengths.summary(), histogram: this.#lengths.histogram(LENGTH_EDGES) },
    };
  }

  /** Adds tokens `start` to `end` to the twentieths that they lie in. */
  #spread(start: number, end: number, width: number): void {
    for (let bin = Math.floor(start / width); bin < POSITION_BINS && bin * width < end; bin++) {
      const inside = Math.min(end, (bin + 1) * width) - Math.max(start, bin * width);
      this.#spanTokens[bin] = (this.#spanTokens[bin] ?? 0) + Math.max(0, inside);
    }
  }
}
