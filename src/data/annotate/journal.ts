/**
 * What is known about the rows of one annotation, on disk: one line for each fact, failure and request, appended and flushed to the
 * disk before anybody counts on it. A kill at any byte loses at most the line that was being written.
 *
 *     {"journal":"splitreason annotate","version":1,"annotator":...,"identity":...,"settings":...}
 *     {"begin":true}                              a run began or went on
 *     {"row":7,"of":DIGEST,"asked":true}          a request was sent (not flushed: it only tells what may have cost)
 *     {"row":7,"of":DIGEST,"fact":...}
 *     {"row":7,"of":DIGEST,"failed":{"kind":...,"reason":...}}
 *     {"row":7,"of":DIGEST,"again":true}          what was known is forgotten: the row is examined anew
 *
 * Rows are named by their place in the input, and by a digest, so that another input is noticed. In memory there are a few numbers
 * a row.
 */
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

import { z } from "zod";

import { ConfigError, DataError, errorMessage } from "../../core/errors.ts";
import { fileLines } from "../../core/file-lines.ts";
import { makeFolder } from "../../core/files.ts";
import type { RowFailure } from "./annotator.ts";

const headerSchema = z.object({
  journal: z.literal("splitreason annotate"),
  version: z.literal(1),
  annotator: z.string(),
  identity: z.string(),
  settings: z.unknown(),
});

/** A run begins: requests without an answer before this line will never get one. */
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
  /** Offset and length of each fact's line, by turns. */
  facts: number[];
  failed: RowFailure | undefined;
  /** Those of facts that were forgotten. */
  past: number[];
  /** A request was sent, and neither a fact nor a failure has come since. */
  isAsked: boolean;
  /** Requests that were under way when a run ended. */
  unanswered: number;
}

export class AnnotationJournal implements Disposable {
  readonly path: string;
  readonly #descriptor: number;
  readonly #rows: Map<number, RowState>;
  #size: number;

  private constructor(path: string, descriptor: number, size: number, rows: Map<number, RowState>) {
    this.path = path;
    this.#descriptor = descriptor;
    this.#size = size;
    this.#rows = rows;
  }

  /**
   * Opens a journal to go on with it, or begins one.
   * @throws ConfigError when it is of another annotation; DataError when it cannot be read or written, or is damaged.
   */
  static async open(path: string, header: JournalHeader): Promise<AnnotationJournal> {
    await makeFolder(dirname(path));
    const isNew = !existsSync(path);
    let descriptor: number;
    try {
      descriptor = openSync(path, isNew ? "ax+" : "a+");
    } catch (error) {
      throw new DataError(
        `cannot write ${path}: ${errorMessage(error)}; give --out a place that can be written.`,
        {
          code: "file-unreadable",
          cause: error,
        },
      );
    }
    try {
      const { rows, size, hasHeader } = await recover(path, descriptor, header);
      const journal = new AnnotationJournal(path, descriptor, size, rows);
      if (!hasHeader) journal.#append({ journal: "splitreason annotate", version: 1, ...header }, true);
      journal.#append({ begin: true }, false);
      return journal;
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  /** Rows of which something is known, rising. */
  get rows(): number[] {
    return [...this.#rows.keys()].sort((left, right) => left - right);
  }

  /** @throws DataError when the row is not the one that the journal is about. */
  requireSame(row: number, digest: string): void {
    const state = this.#rows.get(row);
    if (state === undefined || state.of === digest) return;
    throw new DataError(
      `row ${row + 1} of the input is not the one that ${this.path} is about: the input has changed; ` +
        `give --out another file, or delete the journal to begin anew.`,
      { code: "data-invalid" },
    );
  }

  failureOf(row: number): RowFailure | undefined {
    return this.#rows.get(row)?.failed;
  }

  /** Requests whose answers never came here: at the moment of a kill they were under way, and may have been charged. */
  unansweredOf(row: number): number {
    return this.#rows.get(row)?.unanswered ?? 0;
  }

  hasFacts(row: number): boolean {
    return (this.#rows.get(row)?.facts.length ?? 0) > 0;
  }

  /** Reads them from the disk, in the order in which they were kept. */
  factsOf(row: number): unknown[] {
    return this.#read(this.#rows.get(row)?.facts ?? []);
  }

  /** Facts that were forgotten: they were paid for all the same. */
  pastFactsOf(row: number): unknown[] {
    return this.#read(this.#rows.get(row)?.past ?? []);
  }

  #read(places: readonly number[]): unknown[] {
    const facts: unknown[] = [];
    for (let index = 0; index < places.length; index += 2) {
      const line = Buffer.alloc(places[index + 1] ?? 0);
      for (let read = 0; read < line.length;) {
        const count = readSync(this.#descriptor, line, read, line.length - read, (places[index] ?? 0) + read);
        if (count === 0)
          throw new DataError(`${this.path} became shorter while it was read.`, { code: "file-invalid" });
        read += count;
      }
      facts.push(entrySchema.parse(JSON.parse(line.toString("utf8"))).fact);
    }
    return facts;
  }

  keepFact(row: number, of: string, fact: unknown): void {
    const state = this.#stateOf(row, of);
    state.facts.push(...this.#append({ row, of, fact }, true));
    state.isAsked = false;
  }

  keepFailure(row: number, of: string, { kind, reason }: RowFailure): void {
    const state = this.#stateOf(row, of);
    this.#append({ row, of, failed: { kind, reason } }, true);
    state.failed = { kind, reason };
    state.isAsked = false;
  }

  keepAsked(row: number, of: string): void {
    this.#append({ row, of, asked: true }, false);
    this.#stateOf(row, of).isAsked = true;
  }

  /** Forgets what is known about a row, for good. */
  forget(row: number, of: string): void {
    this.#append({ row, of, again: true }, true);
    forgetFacts(this.#stateOf(row, of));
  }

  /** Leaves nothing behind where nothing was learnt. */
  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
    if (this.#rows.size === 0) rmSync(this.path, { force: true });
  }

  #stateOf(row: number, of: string): RowState {
    return stateOf(this.#rows, row, of);
  }

  #append(entry: unknown, flush: boolean): [offset: number, length: number] {
    const line = Buffer.from(`${JSON.stringify(entry)}\n`, "utf8");
    for (let written = 0; written < line.length;) written += writeSync(this.#descriptor, line, written);
    if (flush) fdatasyncSync(this.#descriptor);
    const offset = this.#size;
    this.#size += line.length;
    return [offset, line.length - 1];
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

/** Reads what is there. What a kill left of a line is cut off, so that the next entry starts one. */
async function recover(
  path: string,
  descriptor: number,
  header: JournalHeader,
): Promise<{ rows: Map<number, RowState>; size: number; hasHeader: boolean }> {
  const rows = new Map<number, RowState>();
  const asked = new Set<RowState>();
  let size = 0;
  for await (const { text, offset, length, ended } of fileLines(path)) {
    if (!ended) break;
    if (offset === 0) requireSameAnnotation(path, text, header);
    else readEntry(rows, asked, path, text, offset, length);
    size = offset + length + 1;
  }
  if (fstatSync(descriptor).size > size) ftruncateSync(descriptor, size);
  for (const state of asked) state.unanswered++;
  return { rows, size, hasHeader: size > 0 };
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
      `${header.annotator}, ${JSON.stringify(header.settings)}): give --out another file, or delete the journal to begin anew.`,
    { code: "config-invalid" },
  );
}

function readEntry(
  rows: Map<number, RowState>,
  asked: Set<RowState>,
  path: string,
  text: string,
  offset: number,
  length: number,
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
      `${path} is damaged at byte ${offset}: a whole line is no entry; delete the lines from there on to go on.`,
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
  if (failed === undefined) state.facts.push(offset, length);
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
