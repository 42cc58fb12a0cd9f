/** The data of a report's page. The page imports these types and those of the document, and nothing else of this folder. */
import type { ReportDocument } from "./document.ts";

export interface PageTrace {
  /** Place in the document's `arms`. */
  readonly arm: number;
  readonly sample: number;
  readonly correct: boolean;
  readonly answer: string | null;
  readonly finishReason: string;
  readonly error?: string;
  readonly degraded?: string;
  readonly smallTokens: number;
  readonly bigTokens: number;
  readonly wallMs?: number;
  readonly segments: readonly PageSegment[];
}

export interface PageSegment {
  readonly author: "small" | "big";
  /** Whether the small model wrote it between its own tags. */
  readonly own?: true;
  readonly text: string;
  /** Number of UTF-16 code units left out after the text. */
  readonly cut?: number;
}

export interface PageProblem {
  readonly id: string;
  /** The task's name. */
  readonly task: string;
  readonly problem: string;
  readonly gold: string;
  readonly traces: readonly PageTrace[];
}

export interface PageReader {
  readonly problems: readonly PageProblem[];
  /** Sentences on what was left out; empty if nothing was. */
  readonly leftOut: readonly string[];
  /** Number of problems in all runs. */
  readonly problemsInAll: number;
}

export interface PageData {
  readonly document: ReportDocument;
  readonly reader: PageReader;
}
