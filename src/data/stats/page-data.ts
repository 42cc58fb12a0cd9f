/** The data in the page of statistics. The page imports these types and nothing else of this folder. */
import type { DataStatistics } from "./document.ts";

interface PageSpan {
  readonly start: number;
  readonly end: number;
  readonly score?: number | undefined;
  readonly edits?: number | undefined;
}

/** One annotation of a trace. Neighbours with the same id are annotations of the same trace. */
export interface PageTrace {
  readonly id: string;
  readonly problem: string;
  readonly trace: string;
  readonly spans: readonly PageSpan[];
  readonly annotator?: string;
  readonly source?: string;
  readonly answer?: string;
  readonly correct?: boolean;
  /** Start of each word, and its score in nats. */
  readonly scores?: { readonly offsets: readonly number[]; readonly gap: readonly number[] };
}

export interface PageData {
  readonly statistics: DataStatistics;
  readonly reader: {
    readonly traces: readonly PageTrace[];
    /** Rows from which the traces were drawn; `tooLong` of them were too long for a page. */
    readonly rows: number;
    readonly tooLong: number;
  };
}
