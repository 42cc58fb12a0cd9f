/**
 * Checks whether a file of annotated traces is fit for training, row by row; memory grows by a few bytes a row. It changes no row. The caller
 * supplies the function that verifies an answer.
 */
import { given } from "../../core/given.ts";
import type { TraceRow } from "../../formats/trace-row.ts";
import type { ReadOutcome } from "../readers/rows.ts";
import { type TokenStarts, wordStarts } from "../stats/tokens.ts";
import { type Finding, Findings, isError } from "./finding.ts";
import { type RowBounds, rowFindings } from "./row-rules.ts";
import { type SourceTexts, textDigest } from "./texts.ts";

export type Verdict = "right" | "wrong" | "unknown";

export interface CheckOptions extends Partial<RowBounds> {
  readonly tokenStarts?: TokenStarts;
  /** The traces before annotation. Every row's trace must be among them, byte for byte. */
  readonly source?: SourceTexts;
  /** Whether a file without any span is accepted. */
  readonly plain?: boolean;
  /** Whether a trace ends in its row's answer. Without it, answers are not checked. */
  readonly verify?: (row: TraceRow) => Verdict;
}

export const CHECK_DEFAULTS: RowBounds = { minShare: 0, maxShare: 0.6, minTokens: 1, maxTokens: 32_768 };

export interface CheckReport {
  /** Whether no finding is an error. */
  readonly fit: boolean;
  readonly rows: number;
  readonly rowsWithSpans: number;
  /** Rows with an answer, by verdict; absent where answers were not checked. */
  readonly answers?: Readonly<Record<Verdict | "none", number>>;
  /** Traces compared with the source; absent without a source. */
  readonly compared?: number;
  readonly findings: readonly Finding[];
}

export class Checker {
  readonly #options: CheckOptions;
  readonly #bounds: RowBounds;
  readonly #findings = new Findings();
  readonly #ids = new Set<string>();
  readonly #traces = new Set<string>();
  readonly #answers = { right: 0, wrong: 0, unknown: 0, none: 0 };
  #rows = 0;
  #rowsWithSpans = 0;
  #compared = 0;

  constructor(options: CheckOptions = {}) {
    this.#options = options;
    const { minShare, maxShare, minTokens, maxTokens } = { ...CHECK_DEFAULTS, ...given(options) };
    this.#bounds = { minShare, maxShare, minTokens, maxTokens };
  }

  add(outcome: ReadOutcome): void {
    if (outcome.type === "skipped") {
      const kind = outcome.reason === "invalid" ? "row-invalid" : outcome.reason;
      this.#findings.add(kind, outcome.place, outcome.message);
      return;
    }
    const { row, faults } = outcome;
    const { tokenStarts = wordStarts, source, verify } = this.#options;
    this.#rows += 1;
    if ((row.spans?.length ?? 0) > 0) this.#rowsWithSpans += 1;
    for (const kind of new Set(faults.map((fault) => fault.kind))) {
      const first = faults.find((fault) => fault.kind === kind);
      this.#findings.add(kind, row.id, `at offset ${first?.position ?? 0}`);
    }
    for (const { kind, example } of rowFindings(row, faults.length === 0, this.#bounds, tokenStarts)) {
      this.#findings.add(kind, row.id, example);
    }
    this.#repeats(row);
    if (source !== undefined) this.#compare(row, source);
    if (verify !== undefined) this.#verify(row, verify);
  }

  finish(): CheckReport {
    const { source, plain = false, verify } = this.#options;
    for (const id of source?.missing() ?? []) {
      this.#findings.add("missing-row", id, "in the source only");
    }
    if (this.#rows === 0) this.#findings.add("no-rows", "(file)", "nothing was read");
    else if (this.#rowsWithSpans === 0 && !plain) {
      this.#findings.add("no-spans", "(file)", `none of ${this.#rows} rows`);
    }
    const findings = this.#findings.list();
    return {
      fit: !findings.some(isError),
      rows: this.#rows,
      rowsWithSpans: this.#rowsWithSpans,
      ...(verify === undefined ? {} : { answers: this.#answers }),
      ...(source === undefined ? {} : { compared: this.#compared }),
      findings,
    };
  }

  /** The same trace from two annotators is no duplicate: the annotators are compared. */
  #repeats({ id, problem, trace, annotator = "" }: TraceRow): void {
    const idKey = textDigest(annotator, id);
    const traceKey = textDigest(annotator, problem, trace);
    if (this.#ids.has(idKey)) this.#findings.add("duplicate-id", id, JSON.stringify(id));
    if (this.#traces.has(traceKey))
      this.#findings.add("duplicate-trace", id, JSON.stringify(trace.slice(0, 60)));
    this.#ids.add(idKey);
    this.#traces.add(traceKey);
  }

  #compare({ id, trace }: TraceRow, source: SourceTexts): void {
    const result = source.compare(id, trace);
    if (result === "unknown") this.#findings.add("not-in-source", id, JSON.stringify(id));
    else this.#compared += 1;
    if (result === "changed") this.#findings.add("text-changed", id, `${trace.length} code units here`);
  }

  #verify(row: TraceRow, verify: (row: TraceRow) => Verdict): void {
    if (row.answer === undefined) {
      this.#answers.none += 1;
      return;
    }
    const verdict = verify(row);
    this.#answers[verdict] += 1;
    const example = `answer ${JSON.stringify(row.answer.slice(0, 60))}, trace ends ${JSON.stringify(row.trace.slice(-60))}`;
    if (verdict === "wrong") this.#findings.add("answer-wrong", row.id, example);
    if (verdict === "unknown") this.#findings.add("answer-unverified", row.id, example);
  }
}
