/** A report as one JSON document. `report --json` prints it; the page and the Markdown are made from it. */
import type { Histogram, Summary } from "../../core/distribution.ts";

/** A figure with its 95% interval, if it has one. */
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
  /** Null if the run does not say. */
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
    /** Number of rows that count. */
    readonly read: number;
    /** Number of lines that were left out, and the reason for the first. */
    readonly faults: number;
    readonly firstFault?: string;
    /** SHA-256 of rows.jsonl, in hexadecimal digits. */
    readonly fileSha256: string;
    /** The digest in summary.json. */
    readonly digest?: string;
  };
  readonly rerun: {
    readonly command: string;
    /** The content of the pair file that the command reads. */
    readonly pairFile?: string;
    /** Whether these settings have the digest of the run's own. */
    readonly sameDigest: boolean;
    readonly remarks: readonly string[];
  };
  /** All settings, as JSON. */
  readonly config: string;
}

export interface ReportArm {
  /** Unique in the report: the arm's name, after its run's name if there are several runs. */
  readonly label: string;
  /** Index in `runs`. */
  readonly run: number;
  readonly name: string;
  readonly samples: number;
  readonly accuracy: Measured;
  /** Big tokens of all tokens in the outputs. */
  readonly share: Measured;
  /** Time of a sample from its start to its end. */
  readonly wallMs?: Measured;
  /** Tokens of the outputs for each second of their samples. */
  readonly tokensPerSecond?: Measured;
  /** Share of the tokens guessed by the small model that the big one wrote too. */
  readonly draftsTaken?: number;
  /** Mean over samples. */
  readonly firstTokenMs?: number;
  /** Dollars for a sample. */
  readonly costUsd?: Measured;
  /** Floating-point operations of a sample, estimated. */
  readonly flops?: Measured;
  /** Tokens in the output of a sample. */
  readonly tokens: number;
  readonly discardedShare: number;
  readonly handoffs: number;
  readonly handoffMs?: number;
  /** Figures at k samples of a problem, if there are several. */
  readonly atK?: { readonly k: number; readonly pass?: number; readonly cov?: number; readonly maj?: number };
  readonly failed: number;
  readonly degraded: number;
  readonly matched?: { readonly to: string; readonly shareDifference: number };
  /** Absent if nothing or everything was handed over. */
  readonly spans?: ReportSpans;
}

export interface ReportSpans {
  /** The big model, or in `self` the small one between its own tags. */
  readonly author: "small" | "big";
  readonly count: number;
  readonly tracesWith: number;
  /** Share of the tokens that is in spans, for each twentieth of the traces. */
  readonly position: readonly number[];
  /** Lengths in tokens. */
  readonly length: Summary & { readonly histogram: Histogram };
}

export interface ReportComparison {
  /** Labels of arms; the difference is the first's accuracy minus the second's. */
  readonly first: string;
  readonly second: string;
  /** Two arms of one run, or the same arm in two runs of the same problems. */
  readonly kind: "arms" | "runs";
  readonly problems: number;
  readonly difference: number;
  readonly ci95: readonly [low: number, high: number];
  readonly pValue: number;
  readonly pAdjusted?: number;
  readonly method: string;
  /** Whether `second` is the best control of its run. */
  readonly control: boolean;
}

/** The axis that accuracy is drawn against. */
export type PriceAxis = "share" | "wallMs" | "costUsd" | "flops";

export interface ReportDocument {
  readonly title: string;
  /** A sentence for each run on what it says about the method. Runs without the arms for it have none. */
  readonly headlines: readonly string[];
  readonly runs: readonly ReportRun[];
  readonly arms: readonly ReportArm[];
  readonly comparisons: readonly ReportComparison[];
  /** The Pareto front for each axis that is drawn: indices in `arms`, by rising price. */
  readonly fronts: Readonly<Partial<Record<PriceAxis, readonly number[]>>>;
  /** Reasons why axes are not drawn. */
  readonly absent: Readonly<Partial<Record<PriceAxis, string>>>;
  /** Notes that a reader needs before believing a figure. */
  readonly notes: readonly ReportNote[];
}

export interface ReportNote {
  /** A warning says that a figure may not mean what it seems to. */
  readonly level: "warning" | "note";
  readonly text: string;
}
