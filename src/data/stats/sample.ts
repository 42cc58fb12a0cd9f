/**
 * A sample of a stream whose length nobody knows: the traces whose ids have the least hashes. Every trace is as likely to be in it as any other, the same
 * seed takes the same, and all annotations of a trace are in it together.
 */
import { hash32 } from "../../core/rng.ts";
import type { TraceRow } from "../../formats/trace-row.ts";

interface Entry {
  readonly id: string;
  readonly hash: number;
  /** Where the trace first stood in the stream. */
  readonly place: number;
  readonly rows: TraceRow[];
}

export interface SampleBounds {
  /** Traces, each with all of its annotations. */
  readonly traces: number;
  /** A longer trace (UTF-16 code units) is left out, and counted. */
  readonly maxTraceUnits: number;
  /** All rows together. */
  readonly maxUnits: number;
}

export const SAMPLE_BOUNDS: SampleBounds = { traces: 200, maxTraceUnits: 400_000, maxUnits: 12_000_000 };

export class Sample {
  readonly #bounds: SampleBounds;
  readonly #seed: number;
  #entries = new Map<string, Entry>();
  #seen = 0;
  #tooLong = 0;
  /** No id with a hash above this is in the sample. */
  #limit = Number.POSITIVE_INFINITY;

  constructor(bounds: Partial<SampleBounds>, seed: number) {
    this.#bounds = { ...SAMPLE_BOUNDS, ...bounds };
    this.#seed = seed;
  }

  /** Rows offered, and those of them that are too long to be taken. */
  get seen(): number {
    return this.#seen;
  }
  get tooLong(): number {
    return this.#tooLong;
  }

  add(row: TraceRow): void {
    const place = this.#seen;
    this.#seen += 1;
    if (row.trace.length > this.#bounds.maxTraceUnits) {
      this.#tooLong += 1;
      return;
    }
    const hash = hash32(row.id, this.#seed);
    if (hash > this.#limit) return;
    const entry = this.#entries.get(row.id);
    if (entry === undefined) this.#entries.set(row.id, { id: row.id, hash, place, rows: [row] });
    else entry.rows.push(row);
    if (this.#entries.size > 2 * this.#bounds.traces + 16) this.#cut();
  }

  /** In the order of the stream, annotations of a trace side by side. */
  rows(): TraceRow[] {
    this.#cut();
    let units = 0;
    const kept: Entry[] = [];
    for (const entry of this.#entries.values()) {
      units += entry.rows.reduce((sum, row) => sum + unitsOf(row), 0);
      if (units > this.#bounds.maxUnits) break;
      kept.push(entry);
    }
    return kept.sort((left, right) => left.place - right.place).flatMap(({ rows }) => rows);
  }

  /** Keeps those with the least hashes; their order in the map is that of their hashes. */
  #cut(): void {
    const ranked = [...this.#entries.values()]
      .sort((left, right) => left.hash - right.hash || (left.id < right.id ? -1 : 1))
      .slice(0, this.#bounds.traces);
    this.#entries = new Map(ranked.map((entry) => [entry.id, entry]));
    if (ranked.length === this.#bounds.traces) this.#limit = ranked.at(-1)?.hash ?? -1;
  }
}

const unitsOf = ({ problem, trace, solution = "", scores }: TraceRow): number =>
  problem.length + trace.length + solution.length + 12 * (scores?.gap.length ?? 0);
