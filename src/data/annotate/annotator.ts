/**
 * The Annotator contract: finds the hard spans of traces. What costs money or time, the facts, is told apart from what is made of
 * them, the spans: facts are kept on disk as they come (`journal.ts`), spans are placed from facts alone. So a run that was killed
 * asks nothing twice, and other settings for placing spans cost nothing.
 */
import type { Span, TraceRow, WordScores } from "../../formats/trace-row.ts";

export const ANNOTATORS = ["llm", "gap", "entropy"] as const;
export type AnnotatorName = (typeof ANNOTATORS)[number];

/** Why a row has no spans: `kind` is for counting, `reason` for people. */
export interface RowFailure {
  readonly kind: string;
  readonly reason: string;
}

export type Examination =
  /** All is known about the row that will be. */
  | { readonly status: "examined" }
  | ({ readonly status: "failed" } & RowFailure)
  /** The row is as it was: the budget does not reach for it. */
  | { readonly status: "out-of-budget" };

export type Placement =
  | { readonly status: "annotated"; readonly spans: readonly Span[]; readonly scores?: WordScores }
  | ({ readonly status: "failed" } & RowFailure)
  /** Not all is known yet: the run ended before. */
  | { readonly status: "pending" };

export interface ExamineContext {
  /** Facts about this row, in the order in which they were kept. */
  readonly known: readonly unknown[];
  /** Has the fact on disk when it returns. Called before anything else is done with what was learnt. */
  readonly keep: (fact: unknown) => void;
  /** Says that something is asked that may cost, also if no answer is ever kept. */
  readonly asking: () => void;
  /** Names the row, the same in every run. */
  readonly key: string;
  /** Once it aborts, nothing new is asked or begun: what is under way may end. */
  readonly stop: AbortSignal;
  /** Once it aborts, what is under way is given up. */
  readonly signal: AbortSignal;
}

export interface Annotator {
  readonly name: AnnotatorName;
  /** Everything that facts depend on: a journal of another identity is not continued. */
  readonly identity: Readonly<Record<string, unknown>>;
  /** Rows examined at once. */
  readonly concurrency: number;
  /** Sees the facts of earlier runs, row by row, before anything is examined; e.g. to count what they cost. */
  recall?(facts: readonly unknown[]): void;
  /**
   * Learns what is not yet known about a row.
   * @throws what ends the whole run, e.g. an EngineError when a key is refused.
   */
  examine(row: TraceRow, context: ExamineContext): Promise<Examination>;
  /** Sees the facts of all rows in their order, as often as it likes, before spans are placed; e.g. to find a threshold. */
  survey?(facts: () => AsyncIterable<readonly unknown[]>, signal: AbortSignal): Promise<void>;
  /** A pure function of the row, its facts, and the survey. Row failures of {@link examine} do not come here. */
  place(row: TraceRow, facts: readonly unknown[]): Placement;
}
