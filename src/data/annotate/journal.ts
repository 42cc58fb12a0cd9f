/**
 * The journal of one annotation: its facts, failures and requests on disk, one line each. A line is appended and flushed before anything
 * depends on it, so that a kill at any byte loses at most the line that was being written.
 *
 *     {"journal":"splitreason annotate","version":1,"annotator":...,"identity":...,"settings":...}
 *     {"begin":true}                              a run began or continued
 *     {"row":7,"of":DIGEST,"asked":true}          a request was sent (not flushed: it only counts what may have cost)
 *     {"row":7,"of":DIGEST,"fact":...}
 *     {"row":7,"of":DIGEST,"failed":{"kind":...,"reason":...}}
 *     {"row":7,"of":DIGEST,"again":true}          the facts are forgotten: the row is examined again
 *
 * A row is named by its place in the input and by a digest, so that another input is noticed. Memory holds a few numbers a row.
 */
import { rmSync } from "node:fs";
import { dirname } from "node:path";

import { z } from "zod";

import { AppendLog, type LinePlace } from "../../core/append-log.ts";
import { ConfigError, DataError } from "../../core/errors.ts";
import type { FileLine } from "../../core/file-lines.ts";
import { makeFolder } from "../../core/files.ts";
import type { RowFailure } from "./annotator.ts";

const headerSchema = z.object({
  journal: z.literal("splitreason annotate"),
  version: z.literal(1),
  annotator: z.string(),
  identity: z.string(),
  settings: z.unknown(),
});

/** A run begins: requests before this line that have no answer will never get one. */
const beginSchema = z.object({ begin: z.literal(true) });

const entrySchema = z.object({
  row: z.int().nonnegative(),
  of: z.string(),
  fact: z.unknown().optional(),
  failed: z.object({ kind: z.string(), reason: z.string() }).optional(),
  asked: z.literal(true).optional(),
  again: z.literal(true).optional(),
});

export interface JournalHeader {
  readonly annotator: string;
  readonly identity: string;
  readonly settings: unknown;
}

interface RowState {
  of: string;
  /** Position of each fact's line. */
  facts: LinePlace[];
  failed: RowFailure | undefined;
  /** Positions of forgotten facts. */
  past: LinePlace[];
  /** Whether a request was sent that no fact and no failure has followed. */
  isAsked: boolean;
  /** Requests under way when a run ended. */
  unanswered: number;
}

export class AnnotationJournal implements Disposable {
  readonly #log: AppendLog;
  readonly #rows: Map<number, RowState>;

  private constructor(log: AppendLog, rows: Map<number, RowState>) {
    this.#log = log;
    this.#rows = rows;
  }

  /**
   * Opens a journal to continue it, or begins one.
   * @throws ConfigError when it belongs to another annotation; DataError when it cannot be read or written, or is damaged.
   */
  static async open(path: string, header: JournalHeader): Promise<AnnotationJournal> {
    await makeFolder(dirname(path));
    const rows = new Map<number, RowState>();
    const asked = new Set<RowState>();
    const log = await AppendLog.open(path, (line) => {
      if (line.offset === 0) requireSameAnnotation(path, line.text, header);
      else readEntry(rows, asked, path, line);
    });
    for (const state of asked) state.unanswered++;
    if (log.isEmpty) log.append({ journal: "splitreason annotate", version: 1, ...header }, { flush: true });
    log.append({ begin: true });
    return new AnnotationJournal(log, rows);
  }

  get path(): string {
    return this.#log.path;
  }

  /** Rows with known facts, in rising order. */
  get rows(): number[] {
    return [...this.#rows.keys()].sort((left, right) => left - right);
  }

  /** @throws DataError when the row is not the one in the journal. */
  requireSame(row: number, digest: string): void {
    const state = this.#rows.get(row);
    if (state === undefined || state.of === digest) return;
    throw new DataError(
      `row ${row + 1} of the input is not the one that ${this.path} is about: the input has changed; ` +
        `give --out another file, or delete the journal to start over.`,
      { code: "data-invalid" },
    );
  }

  failureOf(row: number): RowFailure | undefined {
    return this.#rows.get(row)?.failed;
  }

  /** Requests without a recorded answer. They were under way at a kill and may have been charged. */
  unansweredOf(row: number): number {
    return this.#rows.get(row)?.unanswered ?? 0;
  }

  hasFacts(row: number): boolean {
    return (this.#rows.get(row)?.facts.length ?? 0) > 0;
  }

  /** Reads the facts from the disk, in the order in which they were kept. */
  factsOf(row: number): unknown[] {
    return this.#read(this.#rows.get(row)?.facts ?? []);
  }

  /** Forgotten facts, which were paid for too. */
  pastFactsOf(row: number): unknown[] {
    return this.#read(this.#rows.get(row)?.past ?? []);
  }

  #read(places: readonly LinePlace[]): unknown[] {
    return [...this.#log.read(places)].map((line) => entrySchema.parse(JSON.parse(line)).fact);
  }

  keepFact(row: number, of: string, fact: unknown): void {
    const state = this.#stateOf(row, of);
    state.facts.push(this.#log.append({ row, of, fact }, { flush: true }));
    state.isAsked = false;
  }

  keepFailure(row: number, of: string, { kind, reason }: RowFailure): void {
    const state = this.#stateOf(row, of);
    this.#log.append({ row, of, failed: { kind, reason } }, { flush: true });
    state.failed = { kind, reason };
    state.isAsked = false;
  }

  keepAsked(row: number, of: string): void {
    this.#log.append({ row, of, asked: true });
    this.#stateOf(row, of).isAsked = true;
  }

  /** Forgets the facts about a row for good. */
  forget(row: number, of: string): void {
    this.#log.append({ row, of, again: true }, { flush: true });
    forgetFacts(this.#stateOf(row, of));
  }

  /** Removes a journal without facts. */
  [Symbol.dispose](): void {
    if (this.#rows.size === 0) rmSync(this.path, { force: true });
  }

  #stateOf(row: number, of: string): RowState {
    return stateOf(this.#rows, row, of);
  }
}

function stateOf(rows: Map<number, RowState>, row: number, of: string): RowState {
  let state = rows.get(row);
  if (state === undefined) {
    state = { of, facts: [], past: [], failed: undefined, isAsked: false, unanswered: 0 };
    rows.set(row, state);
  }
  return state;
}

function forgetFacts(state: RowState): void {
  state.past.push(...state.facts);
  state.facts = [];
  state.failed = undefined;
}

function requireSameAnnotation(path: string, text: string, header: JournalHeader): void {
  const parsed = headerSchema.safeParse(parseJson(text));
  if (!parsed.success) {
    throw new DataError(`${path} is not the journal of an annotation: give --out another file.`, {
      code: "file-invalid",
    });
  }
  if (parsed.data.identity === header.identity) return;
  throw new ConfigError(
    `${path} belongs to an annotation with other settings (${parsed.data.annotator}, ${JSON.stringify(parsed.data.settings)}; now ` +
      `${header.annotator}, ${JSON.stringify(header.settings)}): give --out another file, or delete the journal to start over.`,
    { code: "config-invalid" },
  );
}

function readEntry(
  rows: Map<number, RowState>,
  asked: Set<RowState>,
  path: string,
  { text, offset, length }: FileLine,
): void {
  const document = parseJson(text);
  if (beginSchema.safeParse(document).success) {
    for (const state of asked) {
      state.isAsked = false;
      state.unanswered++;
    }
    asked.clear();
    return;
  }
  const parsed = entrySchema.safeParse(document);
  if (!parsed.success) {
    throw new DataError(
      `${path} is damaged at byte ${offset}: a complete line is no entry; delete the lines from there on to continue.`,
      { code: "file-invalid" },
    );
  }
  const { row, of, failed, ...rest } = parsed.data;
  const state = stateOf(rows, row, of);
  if (rest.asked === true) {
    state.isAsked = true;
    asked.add(state);
    return;
  }
  if (rest.again === true) return forgetFacts(state);
  if (failed === undefined) state.facts.push({ offset, length });
  else state.failed = failed;
  state.isAsked = false;
  asked.delete(state);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
