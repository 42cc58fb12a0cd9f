/**
 * Runs one annotation from rows to a file, in passes over the input. It counts the rows; examines them, several at once, and keeps the facts
 * in the journal; surveys the facts; places spans and writes rows in the order of the input. Memory holds a few numbers a row. Every row
 * counts as annotated, failed, dropped or pending.
 */
import { rm } from "node:fs/promises";
import { dirname } from "node:path";

import { given } from "../../core/given.ts";
import { onAbort } from "../../core/async.ts";
import { digestOf } from "../../core/digest.ts";
import { ConfigError, DataError, SplitReasonError } from "../../core/errors.ts";
import { makeFolder } from "../../core/files.ts";
import { lockRun } from "../../core/run-lock.ts";
import type { TraceRow } from "../../formats/trace-row.ts";
import { OFFLOAD_TAGS } from "../../tags/grammar.ts";
import { formatOf } from "../files/source.ts";
import { openJsonLinesWriter } from "../writers/json-lines-writer.ts";
import { openRowWriter, type RowWriter } from "../writers/row-writer.ts";
import { TRACE_COLUMNS } from "../writers/parquet-schema.ts";
import type { Annotator, Placement, RowFailure } from "./annotator.ts";
import { AnnotationJournal } from "./journal.ts";
import { increment, type RowCounts, Tally } from "./tally.ts";

export interface AnnotationOptions {
  readonly annotator: Annotator;
  /** Reads the input: the same rows in the same order at each call. */
  readonly rows: () => AsyncIterable<TraceRow>;
  /** A .jsonl or .parquet file. `OUT.failed.jsonl` and `OUT.journal.jsonl` come beside it. */
  readonly out: string;
  /** Examines again the rows that failed, and no others. */
  readonly retryFailed?: boolean;
  /** Traces of this many characters or fewer are dropped (Paper 3.2: 1,024). Default: none are. */
  readonly dropUpTo?: number;
  readonly onProgress?: (progress: AnnotationProgress) => void;
  /** Called once when the run is stopping and waits for answers that are under way. */
  readonly onStopping?: (underWay: number) => void;
  readonly signal?: AbortSignal;
}

export interface AnnotationProgress {
  /** Rows examined in this run and before. */
  readonly done: number;
  /** Rows examined before this run. */
  readonly before: number;
  readonly total: number;
  readonly failures: Readonly<Record<string, number>>;
}

export interface AnnotationSummary extends RowCounts {
  /** `out-of-budget`: rows are pending; the same call with a larger budget continues. */
  readonly status: "done" | "out-of-budget";
  readonly failures: Readonly<Record<string, number>>;
  readonly drops: Readonly<Record<string, number>>;
  readonly out: string;
  readonly failedOut: string;
}

/** Longest wait for paid answers after the run was told to stop. */
const GRACE_MS = 15_000;

export const journalPath = (out: string): string => `${out}.journal.jsonl`;
export const failedPath = (out: string): string => `${out}.failed.jsonl`;

/**
 * Runs an annotation to its end.
 * @throws ConfigError when `out` belongs to another annotation; SplitReasonError with code `aborted` when stopped by the signal
 * (the same call continues); the errors of the annotator and the rows.
 */
export async function annotate(options: AnnotationOptions): Promise<AnnotationSummary> {
  const { annotator, out, signal = new AbortController().signal } = options;
  // Checked before anything is paid for.
  if (formatOf(out) === undefined) {
    throw new ConfigError(`--out ${out}: rows are written to a file named .jsonl or .parquet.`, {
      code: "usage",
    });
  }
  const settings = { annotator: annotator.name, ...annotator.identity };
  await makeFolder(dirname(out));
  using _lock = lockRun(`${journalPath(out)}.lock`);
  using journal = await AnnotationJournal.open(journalPath(out), {
    annotator: annotator.name,
    identity: digestOf(settings),
    settings,
  });
  const run = new AnnotationRun(options, journal, signal);
  await run.count();
  const status = await run.examineAll();
  signal.throwIfAborted();
  await annotator.survey?.(() => run.examinedFacts(), signal);
  return await run.write(status);
}

class AnnotationRun {
  readonly #options: AnnotationOptions;
  readonly #journal: AnnotationJournal;
  readonly #signal: AbortSignal;
  #total = 0;
  #before = 0;
  #done = 0;
  readonly #failures = new Map<string, number>();

  constructor(options: AnnotationOptions, journal: AnnotationJournal, signal: AbortSignal) {
    this.#options = options;
    this.#journal = journal;
    this.#signal = signal;
  }

  /** Reads the input once: counts the rows and checks that they are those of the journal. */
  async count(): Promise<void> {
    let index = 0;
    for await (const row of this.#options.rows()) {
      this.#signal.throwIfAborted();
      this.#journal.requireSame(index, rowDigest(row));
      index++;
      if (this.#dropReason(row) !== undefined) continue;
      this.#total++;
    }
    if (index === 0) throw new DataError("the input has no rows.", { code: "data-invalid" });
    const { annotator } = this.#options;
    if (annotator.recall !== undefined) {
      for (const row of this.#journal.rows) {
        annotator.recall([...this.#journal.pastFactsOf(row), ...this.#journal.factsOf(row)]);
      }
    }
    const beyond = this.#journal.rows.find((row) => row >= index);
    if (beyond !== undefined) this.#journal.requireSame(beyond, "no such row");
  }

  async examineAll(): Promise<AnnotationSummary["status"]> {
    const source = enumerate(this.#options.rows());
    let outOfBudget = false;
    let failure: { readonly error: unknown } | undefined;
    let underWay = 0;
    // Stops in two steps: no new row is begun; after a grace period for paid answers, everything is abandoned.
    const stop = new AbortController();
    const giveUp = new AbortController();
    const stopping = (reason: unknown): void => {
      if (stop.signal.aborted) return;
      stop.abort(reason);
      setTimeout(() => giveUp.abort(reason), GRACE_MS).unref();
    };
    const told = (): void => {
      this.#options.onStopping?.(underWay);
      stopping(this.#signal.reason);
    };
    if (this.#signal.aborted) stopping(this.#signal.reason);
    const release = onAbort(this.#signal.aborted ? undefined : this.#signal, told);
    const work = async (): Promise<void> => {
      while (!outOfBudget && !stop.signal.aborted) {
        const { value: item, done } = await source.next();
        if (done === true) return;
        if (this.#dropReason(item.row) !== undefined) continue;
        underWay++;
        try {
          const outcome = await this.#examineOne(item.index, item.row, stop.signal, giveUp.signal);
          if (outcome === "out-of-budget") outOfBudget = true;
        } catch (error) {
          // The first error explains; the others only stop.
          if (!stop.signal.aborted) failure = { error };
          stopping(error);
        } finally {
          underWay--;
        }
      }
    };
    try {
      await Promise.all(Array.from({ length: Math.max(1, this.#options.annotator.concurrency) }, work));
    } finally {
      release();
      await source.return?.(undefined);
    }
    if (this.#signal.aborted) throw this.#stopped();
    if (failure !== undefined) throw failure.error;
    return outOfBudget ? "out-of-budget" : "done";
  }

  /** Facts of rows that did not fail, in the order of the rows. */
  async *examinedFacts(): AsyncGenerator<readonly unknown[]> {
    for (const row of this.#journal.rows) {
      if (this.#journal.failureOf(row) === undefined && this.#journal.hasFacts(row))
        yield this.#journal.factsOf(row);
    }
  }

  async write(status: AnnotationSummary["status"]): Promise<AnnotationSummary> {
    const { out } = this.#options;
    const tally = new Tally();
    const file = await openRowWriter(out, TRACE_COLUMNS);
    const failedFile = await openJsonLinesWriter(failedPath(out));
    try {
      let index = 0;
      for await (const row of this.#options.rows()) {
        this.#signal.throwIfAborted();
        await this.#writeRow(index++, row, tally, file, failedFile);
      }
      await file.close();
      if (tally.counts.failed > 0) await failedFile.close();
      else await rm(failedPath(out), { force: true });
    } finally {
      await file.abort();
      await failedFile.abort();
    }
    return { status, ...tally.counts, ...tally.byKind, out, failedOut: failedPath(out) };
  }

  async #writeRow(
    index: number,
    { error: _error, ...row }: TraceRow,
    tally: Tally,
    file: RowWriter,
    failedFile: RowWriter,
  ): Promise<void> {
    tally.row(this.#journal.unansweredOf(index));
    const drop = this.#dropReason(row);
    if (drop !== undefined) return tally.dropped(drop);
    const placement = this.#placementOf(index, row);
    switch (placement.status) {
      case "pending":
        return tally.pending();
      case "failed":
        tally.failed(placement.kind);
        return failedFile.write({ ...row, error: `${placement.kind}: ${placement.reason}` });
      case "annotated": {
        const { spans, scores } = placement;
        tally.annotated(row.trace, spans);
        const { name: annotator } = this.#options.annotator;
        return file.write({ ...row, spans, annotator, ...given({ scores }) });
      }
      default:
        return placement satisfies never;
    }
  }

  #placementOf(index: number, row: TraceRow): Placement {
    const failed = this.#journal.failureOf(index);
    if (failed !== undefined) return { status: "failed", ...failed };
    return this.#journal.hasFacts(index)
      ? this.#options.annotator.place(row, this.#journal.factsOf(index))
      : { status: "pending" };
  }

  async #examineOne(
    index: number,
    row: TraceRow,
    stop: AbortSignal,
    signal: AbortSignal,
  ): Promise<"examined" | "out-of-budget"> {
    const journal = this.#journal;
    const of = rowDigest(row);
    const wasKnown = journal.hasFacts(index) || journal.failureOf(index) !== undefined;
    if (this.#options.retryFailed === true) {
      if (!wasKnown) return "examined";
      if (this.#placementOf(index, row).status === "failed") journal.forget(index, of);
    }
    const failure = journal.failureOf(index) ?? faultOf(row);
    if (failure !== undefined) {
      if (journal.failureOf(index) === undefined) journal.keepFailure(index, of, failure);
      this.#count(failure, wasKnown);
      return "examined";
    }
    const examination = await this.#options.annotator.examine(row, {
      known: journal.factsOf(index),
      keep: (fact) => journal.keepFact(index, of, fact),
      asking: () => journal.keepAsked(index, of),
      key: `${index}-${of}`,
      stop,
      signal,
    });
    if (examination.status === "out-of-budget") return "out-of-budget";
    if (examination.status === "failed") {
      const { kind, reason } = examination;
      journal.keepFailure(index, of, { kind, reason });
      this.#count({ kind, reason }, wasKnown);
    } else this.#count(undefined, wasKnown);
    return "examined";
  }

  #count(failure: RowFailure | undefined, before: boolean): void {
    this.#done++;
    if (before) this.#before++;
    if (failure !== undefined) increment(this.#failures, failure.kind);
    this.#options.onProgress?.({
      done: this.#done,
      before: this.#before,
      total: this.#total,
      failures: Object.fromEntries(this.#failures),
    });
  }

  #dropReason(row: TraceRow): string | undefined {
    const { dropUpTo } = this.#options;
    return dropUpTo !== undefined && row.trace.length <= dropUpTo
      ? `at most ${dropUpTo} characters`
      : undefined;
  }

  #stopped(): SplitReasonError {
    return new SplitReasonError(
      `stopped after ${this.#done} of ${this.#total} rows; the same command continues from ${this.#journal.path}.`,
      { code: "aborted", cause: this.#signal.reason },
    );
  }
}

/** The reason why no annotator can annotate the row. */
function faultOf({ trace }: TraceRow): RowFailure | undefined {
  if (trace.trim() === "") return { kind: "empty", reason: "the trace has no text" };
  const tag = [OFFLOAD_TAGS.open, OFFLOAD_TAGS.close].find((one) => trace.includes(one));
  return tag === undefined ? undefined : { kind: "has-tags", reason: `the trace has ${tag} in it already` };
}

const rowDigest = ({ problem, trace }: TraceRow): string => digestOf([problem, trace]);

async function* enumerate(
  rows: AsyncIterable<TraceRow>,
): AsyncGenerator<{ readonly index: number; readonly row: TraceRow }, undefined> {
  let index = 0;
  for await (const row of rows) yield { index: index++, row };
  return undefined;
}
