/**
 * The contract of an annotator, which finds the hard spans of traces. It first gathers facts, which cost money or time and are
 * kept on disk at once (`journal.ts`). It then places spans from the facts alone. A killed run therefore asks nothing twice,
 * and new settings for placing spans cost nothing.
 */
import type { Span, TraceRow, WordScores } from "../../formats/trace-row.ts";

export const ANNOTATORS = ["llm", "gap", "entropy"] as const;
export type AnnotatorName = (typeof ANNOTATORS)[number];

/** The reason why a row has no spans: `kind` is for counting, `reason` for people. */
export interface RowFailure {
  readonly kind: string;
  readonly reason: string;
}

export type Examination =
  /** All facts about the row are known. */
  | { readonly status: "examined" }
  | ({ readonly status: "failed" } & RowFailure)
  /** The budget does not suffice for the row; nothing was asked. */
  | { readonly status: "out-of-budget" };

export type Placement =
  | { readonly status: "annotated"; readonly spans: readonly Span[]; readonly scores?: WordScores }
  | ({ readonly status: "failed" } & RowFailure)
  /** Some facts are missing: the run ended before. */
  | { readonly status: "pending" };

export interface ExamineContext {
  /** Known facts about this row, in the order in which they were kept. */
  readonly known: readonly unknown[];
  /** Keeps a fact. It is on disk when the call returns; nothing else may use the fact before. */
  readonly keep: (fact: unknown) => void;
  /** Records that a request is sent, which may cost even if its answer is never kept. */
  readonly asking: () => void;
  /** Name of the row, the same in every run. */
  readonly key: string;
  /** When it aborts, no new request is sent; requests under way may finish. */
  readonly stop: AbortSignal;
  /** When it aborts, requests under way are abandoned. */
  readonly signal: AbortSignal;
}

export interface Annotator {
  readonly name: AnnotatorName;
  /** Everything that facts depend on. A journal with another identity is not continued. */
  readonly identity: Readonly<Record<string, unknown>>;
  /** Rows examined at the same time. */
  readonly concurrency: number;
  /** Sees the facts of earlier runs, row by row, before any row is examined; e.g. to count their cost. */
  recall?(facts: readonly unknown[]): void;
  /**
   * Finds the missing facts about a row.
   * @throws an error that ends the whole run, e.g. an EngineError when a key is refused.
   */
  examine(row: TraceRow, context: ExamineContext): Promise<Examination>;
  /** Sees the facts of all rows in order, as often as it needs, before spans are placed; e.g. to find a threshold. */
  survey?(facts: () => AsyncIterable<readonly unknown[]>, signal: AbortSignal): Promise<void>;
  /**
   * Places spans: a pure function of the row, its facts and the survey. It is not called for rows that failed in {@link
   * examine}.
   */
  place(row: TraceRow, facts: readonly unknown[]): Placement;
}
