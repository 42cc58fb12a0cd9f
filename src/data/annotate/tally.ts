/** Counts the rows of an input as they are written: annotated, failed, dropped or pending. */
import type { Span } from "../../formats/trace-row.ts";

export interface RowCounts {
  /** rows = annotated + failed + dropped + pending. */
  readonly rows: number;
  readonly annotated: number;
  readonly failed: number;
  readonly dropped: number;
  readonly pending: number;
  readonly spans: number;
  /** Characters in spans / characters of the traces annotated. */
  readonly characterShare: number;
  /** Requests of runs that ended before their answers came. They may have been charged. */
  readonly unanswered: number;
}

export class Tally {
  #rows = 0;
  #annotated = 0;
  #failed = 0;
  #dropped = 0;
  #pending = 0;
  #spans = 0;
  #unanswered = 0;
  #marked = 0;
  #characters = 0;
  readonly #failures = new Map<string, number>();
  readonly #drops = new Map<string, number>();

  row(unanswered: number): void {
    this.#rows++;
    this.#unanswered += unanswered;
  }

  annotated(trace: string, spans: readonly Span[]): void {
    this.#annotated++;
    this.#spans += spans.length;
    this.#characters += trace.length;
    for (const { start, end } of spans) this.#marked += end - start;
  }

  failed(kind: string): void {
    this.#failed++;
    increment(this.#failures, kind);
  }

  dropped(reason: string): void {
    this.#dropped++;
    increment(this.#drops, reason);
  }

  pending(): void {
    this.#pending++;
  }

  get counts(): RowCounts {
    return {
      rows: this.#rows,
      annotated: this.#annotated,
      failed: this.#failed,
      dropped: this.#dropped,
      pending: this.#pending,
      spans: this.#spans,
      characterShare: this.#characters === 0 ? 0 : this.#marked / this.#characters,
      unanswered: this.#unanswered,
    };
  }

  get byKind(): {
    readonly failures: Readonly<Record<string, number>>;
    readonly drops: Readonly<Record<string, number>>;
  } {
    return { failures: Object.fromEntries(this.#failures), drops: Object.fromEntries(this.#drops) };
  }
}

export function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
