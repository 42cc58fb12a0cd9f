/** The statistics of a data set as one JSON document: what `data stats --json` prints and what the page shows. */
import type { Histogram, Summary } from "../../core/distribution.ts";

/** Statistics of a group of rows. Only tokens of the chain of thought count: the trace up to `</think>`. */
export interface GroupStatistics {
  readonly rows: number;
  readonly rowsWithSpans: number;
  readonly spans: number;
  /** Tokens of the chains of thought; `spanTokens` are those in spans. */
  readonly tokens: number;
  readonly spanTokens: number;
  /** Tokens in spans / tokens, of each trace. */
  readonly share: Summary & { readonly histogram: Histogram };
  readonly spansPerTrace: Summary & { readonly histogram: Histogram };
  /** Length of a span, in tokens. */
  readonly spanLength: Summary & { readonly histogram: Histogram };
  readonly traceTokens: Summary & { readonly histogram: Histogram };
  /** Share of tokens in spans, for each twentieth of the chains of thought. */
  readonly position: readonly number[];
}

export interface NamedGroup extends GroupStatistics {
  readonly name: string;
}

/** Two annotations of the same traces, joined by row id and compared token by token. */
export interface Agreement {
  readonly first: string;
  readonly second: string;
  /** Rows with this id in both, of the same text. */
  readonly rows: number;
  /** Rows with this id in both, but of different texts: not compared. */
  readonly differentText: number;
  readonly tokens: {
    readonly both: number;
    readonly onlyFirst: number;
    readonly onlySecond: number;
    readonly neither: number;
  };
  /** 2 both / (2 both + only one): absent when neither marks a token. */
  readonly f1?: number;
  /** Cohen's kappa: agreement beyond chance; absent when chance alone would agree everywhere. */
  readonly kappa?: number;
  readonly share: { readonly first: number; readonly second: number };
}

export interface DataStatistics {
  readonly files: readonly string[];
  /** The tokens that are counted, in words. */
  readonly tokenizer: string;
  readonly skipped: number;
  /** Rows whose tags do not pair, whose spans do not fit the text, or that carry an error. They count nowhere else. */
  readonly faulty: number;
  readonly overall: GroupStatistics;
  readonly bySource: readonly NamedGroup[];
  readonly byAnnotator: readonly NamedGroup[];
  readonly agreement: readonly Agreement[];
}
