/** Draws the traces for the page of statistics at random, all annotations of a trace together. */
import { HashSample } from "../../core/hash-sample.ts";
import type { TraceRow } from "../../formats/trace-row.ts";

export interface SampleBounds {
  /** Most traces, each with all of its annotations. */
  readonly traces: number;
  /** Longest trace (UTF-16 code units). Longer ones are left out and counted. */
  readonly maxTraceUnits: number;
  /** Most code units of all rows together. */
  readonly maxUnits: number;
}

const SAMPLE_BOUNDS: SampleBounds = { traces: 200, maxTraceUnits: 400_000, maxUnits: 12_000_000 };

export class Sample {
  readonly #maxTraceUnits: number;
  readonly #sample: HashSample<TraceRow>;
  #seen = 0;
  #tooLong = 0;

  constructor(bounds: Partial<SampleBounds>, seed: number) {
    const { traces, maxTraceUnits, maxUnits } = { ...SAMPLE_BOUNDS, ...bounds };
    this.#maxTraceUnits = maxTraceUnits;
    this.#sample = new HashSample({ groups: traces, units: maxUnits }, seed, unitsOf);
  }

  /** Rows offered; `tooLong` of them were too long. */
  get seen(): number {
    return this.#seen;
  }
  get tooLong(): number {
    return this.#tooLong;
  }

  add(row: TraceRow): void {
    this.#seen += 1;
    if (row.trace.length > this.#maxTraceUnits) this.#tooLong += 1;
    else this.#sample.add(row.id, row);
  }

  /** The rows in the order of the stream, annotations of a trace side by side. */
  rows(): TraceRow[] {
    return this.#sample.groups().flatMap(({ items }) => items);
  }
}

const unitsOf = ({ problem, trace, solution = "", scores }: TraceRow): number =>
  problem.length + trace.length + solution.length + 12 * (scores?.gap.length ?? 0);
