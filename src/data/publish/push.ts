/** Pushes a data set to the hub: rows as parquet and a card made from their statistics, in one commit. */
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import {
  type CommitOperation,
  commitIter,
  createRepo,
  downloadFile,
  HubApiError,
  listFiles,
} from "@huggingface/hub";

import { given } from "../../core/given.ts";
import { DataError } from "../../core/errors.ts";
import type { TraceRow } from "../../formats/trace-row.ts";
import type { DataStatistics } from "../stats/document.ts";
import { StatisticsBuilder, type StatisticsOptions } from "../stats/statistics.ts";
import { openRowWriter, type RowWriter } from "../writers/row-writer.ts";
import { TRACE_COLUMNS } from "../writers/parquet-schema.ts";
import { type HubAccess, hubError, hubParameters } from "../hub/calls.ts";
import { type CardOptions, datasetCard } from "./card.ts";

export interface PushOptions extends Omit<CardOptions, "pattern"> {
  readonly access: HubAccess;
  readonly statistics: StatisticsOptions;
  /** Name of the rows in the statistics. */
  readonly file: string;
  /** Whether a new repository is private. */
  readonly isPrivate: boolean;
  readonly message: string;
  readonly onProgress?: (event: PushProgress) => void;
  readonly signal?: AbortSignal;
}

export type PushProgress =
  | { readonly phase: "hashing" | "uploading"; readonly path: string; readonly share: number }
  | { readonly phase: "committing" };

export interface PushResult {
  readonly rows: number;
  readonly files: readonly { readonly path: string; readonly sizeBytes: number }[];
  /** Files of an earlier push of the same split, which this push removed. */
  readonly removed: readonly string[];
  readonly commit: string;
  readonly url: string;
  readonly statistics: DataStatistics;
}

/** A file of a split holds about this much text (UTF-16 code units). */
const SHARD_UNITS = 400_000_000;

/**
 * Writes the rows to temporary files, makes the repository if there is none, and commits files and card together: readers see
 * either the old data set or the new one.
 * @throws DataError without rows or without a token, when a row's spans do not fit, or when the hub refuses.
 */
export async function pushDataset(rows: AsyncIterable<TraceRow>, options: PushOptions): Promise<PushResult> {
  const { access, repo, config, split, signal } = options;
  if (access.token === undefined) {
    throw new DataError(`to push to ${repo}, set HF_TOKEN to a token that may write there.`, {
      code: "data-invalid",
    });
  }
  const folder = await mkdtemp(join(tmpdir(), "splitreason-push-"));
  try {
    const { shards, statistics } = await writeShards(rows, folder, options);
    const prefix = config === "default" ? "data" : config;
    const files = shards.map((shard, index) => ({
      ...shard,
      path: `${prefix}/${split}-${number(index)}-of-${number(shards.length)}.parquet`,
    }));
    const parameters = { repo: { type: "dataset", name: repo } as const, ...hubParameters(access, signal) };
    const call = async <Result>(what: string, run: () => Promise<Result>): Promise<Result> => {
      try {
        return await run();
      } catch (error) {
        signal?.throwIfAborted();
        throw hubError(what, error, access);
      }
    };
    await call(`cannot make the data set ${repo}`, () =>
      makeRepository(parameters, access.token ?? "", options.isPrivate),
    );
    const stale = await call(`cannot list ${repo}`, async () => {
      const ours = new RegExp(
        `^${escapeRegex(prefix)}/${escapeRegex(split)}-\\d{5}-of-\\d{5}\\.parquet$`,
        "u",
      );
      const wanted = new Set(files.map(({ path }) => path));
      const found: string[] = [];
      for await (const { type, path } of listFiles({ ...parameters, recursive: true })) {
        if (type === "file" && ours.test(path) && !wanted.has(path)) found.push(path);
      }
      return found;
    });
    const existing = await call(`cannot read the card of ${repo}`, async () => {
      const blob = await downloadFile({ ...parameters, path: "README.md", xet: false });
      return blob === null ? "" : blob.text();
    });
    const card = datasetCard(statistics, { ...options, pattern: `${prefix}/${split}-*.parquet` }, existing);
    const operations: CommitOperation[] = [
      ...files.map(({ path, local }) => ({
        operation: "addOrUpdate" as const,
        path,
        content: pathToFileURL(local),
      })),
      { operation: "addOrUpdate", path: "README.md", content: new Blob([card]) },
      ...stale.map((path) => ({ operation: "delete" as const, path })),
    ];
    const made = await call(`cannot push to ${repo}`, () => commitAll(operations, parameters, options));
    return {
      rows: statistics.overall.rows,
      files: files.map(({ path, sizeBytes }) => ({ path, sizeBytes })),
      removed: stale,
      commit: made.oid,
      url: made.url,
      statistics,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Parameters = { repo: { type: "dataset"; name: string } } & ReturnType<typeof hubParameters>;

async function makeRepository(
  parameters: Parameters,
  accessToken: string,
  isPrivate: boolean,
): Promise<void> {
  try {
    await createRepo({ ...parameters, accessToken, visibility: isPrivate ? "private" : "public" });
  } catch (error) {
    // The repository exists already.
    if (!(error instanceof HubApiError && error.statusCode === 409)) throw error;
  }
}

async function commitAll(
  operations: CommitOperation[],
  parameters: Parameters,
  { message, onProgress, signal }: PushOptions,
): Promise<{ oid: string; url: string }> {
  const events = commitIter({
    ...parameters,
    operations,
    title: message,
    // Plain uploads: the hub's own transfer protocol is not tested here.
    useXet: false,
    ...given({ abortSignal: signal }),
  });
  for (;;) {
    const event = await events.next();
    if (event.done === true) {
      if (event.value === undefined) throw new DataError("the hub named no commit", { code: "data-invalid" });
      return event.value.commit;
    }
    if (event.value.event === "phase") {
      if (event.value.phase === "committing") onProgress?.({ phase: "committing" });
    } else if (event.value.state !== "error") {
      onProgress?.({ phase: event.value.state, path: event.value.path, share: event.value.progress });
    }
  }
}

async function writeShards(
  rows: AsyncIterable<TraceRow>,
  folder: string,
  { statistics: counting, file, repo }: PushOptions,
): Promise<{ shards: { local: string; sizeBytes: number }[]; statistics: DataStatistics }> {
  const statistics = new StatisticsBuilder(counting);
  const locals: string[] = [];
  let writer: RowWriter | undefined;
  let units = 0;
  try {
    for await (const row of rows) {
      if (!statistics.add({ type: "row", row, faults: [], place: row.id }, file)) {
        throw new DataError(
          `row ${row.id} has spans that do not fit its trace, or an error: it is not pushed to ${repo}. splitreason data check shows all such rows.`,
          { code: "data-invalid" },
        );
      }
      if (writer === undefined) {
        const local = join(folder, `${locals.length}.parquet`);
        locals.push(local);
        writer = await openRowWriter(local, TRACE_COLUMNS);
      }
      await writer.write(row);
      units += row.problem.length + row.trace.length + (row.solution?.length ?? 0);
      if (units >= SHARD_UNITS) {
        await writer.close();
        writer = undefined;
        units = 0;
      }
    }
    await writer?.close();
  } finally {
    await writer?.abort();
  }
  if (locals.length === 0) throw new DataError(`${file} has no rows to push.`, { code: "data-invalid" });
  const shards = await Promise.all(
    locals.map(async (local) => ({ local, sizeBytes: (await stat(local)).size })),
  );
  return { shards, statistics: statistics.finish() };
}

const number = (value: number): string => String(value).padStart(5, "0");
const escapeRegex = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/gu, "\\$&");
