/** A report as one JSON document: what `report --json` prints, and what the page and the Markdown are written from. */
import type { Histogram, Summary } from "../../core/distribution.ts";

/** A figure with its 95% interval, where one can be given. */
export interface Measured {
  readonly value: number;
  readonly ci95?: readonly [low: number, high: number];
}

export interface ReportModel {
  /** `small`, `big`, or `small before tuning`. */
  readonly role: string;
  readonly spec: string;
  readonly digest?: string;
  readonly parameters?: number;
}

export interface ReportRun {
  /** Short and unique in the report. */
  readonly name: string;
  readonly folder: string;
  readonly task: { readonly name: string; readonly version: string; readonly problems: number };
  readonly samplesPerProblem: number;
  readonly seed: number;
  /** Null where the run does not say. */
  readonly temperature: number | null;
  readonly configHash: string;
  readonly git: string | null;
  readonly machine: {
    readonly processor: string;
    readonly cores: number;
    readonly node: string;
    readonly platform: string;
  };
  readonly execution?: { readonly concurrency: number; readonly threads?: number | undefined };
  readonly models: readonly ReportModel[];
  readonly rows: {
    /** Rows that count. */
    readonly read: number;
    /** Lines that were left out, and why the first of them was. */
    readonly faults: number;
    readonly firstFault?: string;
    /** SHA-256 of rows.jsonl, in hexadecimal digits. */
    readonly fileSha256: string;
    /** As summary.json has it. */
    readonly digest?: string;
  };
  readonly rerun: {
    readonly command: string;
    /** Content of the pair file that the command reads. */
    readonly pairFile?: string;
    /** Whether these settings have the digest of the run's own. */
    readonly sameDigest: boolean;
    readonly remarks: readonly string[];
  };
  /** All settings, as JSON. */
  readonly config: string;
}

export interface ReportArm {
  /** Unique in the report: the arm's name, behind its run's where there are several. */
  readonly label: string;
  /** Place in `runs`. */
  readonly run: number;
  readonly name: string;
  readonly samples: number;
  readonly accuracy: Measured;
  /** Big tokens of all tokens in the outputs. */
  readonly share: Measured;
  /** Of a sample, from its start to its end. */
  readonly wallMs?: Measured;
  /** Mean over samples. */
  readonly firstTokenMs?: number;
  /** Dollars of a sample. */
  readonly costUsd?: Measured;
  /** Floating-point operations of a sample, estimated. */
  readonly flops?: Measured;
  /** In the output, of a sample. */
  readonly tokens: number;
  readonly discardedShare: number;
  readonly handoffs: number;
  readonly handoffMs?: number;
  /** At the samples of a problem, where there are several. */
  readonly atK?: { readonly k: number; readonly pass?: number; readonly cov?: number; readonly maj?: number };
  readonly failed: number;
  readonly degraded: number;
  readonly matched?: { readonly to: string; readonly shareDifference: number };
  /** Absent where nothing was handed over, or everything. */
  readonly spans?: ReportSpans;
}

export interface ReportSpans {
  /** By the big model, or, in `self`, by the small one between its own tags. */
  readonly author: "small" | "big";
  readonly count: number;
  readonly tracesWith: number;
  /** Of the tokens in each twentieth of the traces, the share that is in spans. */
  readonly position: readonly number[];
  /** In tokens. */
  readonly length: Summary & { readonly histogram: Histogram };
}

export interface ReportComparison {
  /** Labels of arms; the difference is the first's accuracy minus the second's. */
  readonly first: string;
  readonly second: string;
  /** Within a run, or the same arm in two runs of the same problems. */
  readonly kind: "arms" | "runs";
  readonly problems: number;
  readonly difference: number;
  readonly ci95: readonly [low: number, high: number];
  readonly pValue: number;
  readonly pAdjusted?: number;
  readonly method: string;
  /** Whether the second is the best control of its run. */
  readonly control: boolean;
}

/** What accuracy is drawn against. */
export type PriceAxis = "share" | "wallMs" | "costUsd" | "flops";

export interface ReportDocument {
  readonly title: string;
  /** What each run says of the method, in a sentence; empty where the arms for it are not there. */
  readonly headlines: readonly string[];
  readonly runs: readonly ReportRun[];
  readonly arms: readonly ReportArm[];
  readonly comparisons: readonly ReportComparison[];
  /** For each axis that is drawn: places in `arms` of those that no other arm beats at no more of it, by rising price. */
  readonly fronts: Readonly<Partial<Record<PriceAxis, readonly number[]>>>;
  /** Why an axis is not drawn. */
  readonly absent: Readonly<Partial<Record<PriceAxis, string>>>;
  /** What a reader has to know before believing a figure. */
  readonly notes: readonly ReportNote[];
}

export interface ReportNote {
  /** A warning says that a figure may not mean what it seems to. */
  readonly level: "warning" | "note";
  readonly text: string;
}
