/** Opens a data set on the hub as files, whose bytes are read by range: nothing is stored, and memory stays flat. */
import { downloadFile, fileDownloadInfo, listFiles } from "@huggingface/hub";

import { sleep } from "../../core/async.ts";
import { DataError } from "../../core/errors.ts";
import type { DataFile } from "../files/data-file.ts";
import { formatOf, type HubSource } from "../files/source.ts";
import { type HubAccess, hubError, hubParameters } from "./calls.ts";
import { splitFiles } from "./split-files.ts";

/** A repository with more files is refused. */
const MAX_FILES = 50_000;
const MAX_CARD_BYTES = 4 * 1024 ** 2;
const ATTEMPTS = 4;
const FIRST_WAIT_MS = 500;

/**
 * Opens the files of one split of a data set, in the order of their names. Ranges are read by plain HTTP, not by the Xet
 * protocol. A transient failure is retried; a range is asked for at most four times.
 * @throws DataError when there is no such data set, configuration or split, or it has no parquet or JSON Lines files.
 */
export async function openHubFiles(
  source: HubSource,
  access: HubAccess,
  signal?: AbortSignal,
): Promise<DataFile[]> {
  const repo = { type: "dataset", name: source.repo } as const;
  const at = source.revision === undefined ? {} : { revision: source.revision };
  const parameters = { repo, ...at, ...hubParameters(access, signal) };
  const name = `hf:${source.repo}`;

  const listed = await attempt(`cannot list ${name}`, access, signal, async () => {
    const paths: string[] = [];
    for await (const entry of listFiles({ ...parameters, recursive: true })) {
      if (entry.type === "file") paths.push(entry.path);
      if (paths.length > MAX_FILES) {
        throw new DataError(`${name} has more than ${MAX_FILES} files.`, { code: "file-invalid" });
      }
    }
    return paths.sort();
  });
  const card = listed.includes("README.md") ? await readCard() : "";
  const wanted = splitFiles(listed, card, source, name);

  return Promise.all(wanted.map((path) => openOne(path)));

  async function readCard(): Promise<string> {
    return attempt(`cannot read the card of ${name}`, access, signal, async () => {
      const blob = await downloadFile({ ...parameters, path: "README.md", xet: false });
      if (blob === null) return "";
      return blob.size === 0 ? "" : blob.slice(0, Math.min(blob.size, MAX_CARD_BYTES)).text();
    });
  }

  async function openOne(path: string): Promise<DataFile> {
    const fileName = `${name}/${path}`;
    const info = await attempt(`cannot open ${fileName}`, access, signal, async () => {
      const found = await fileDownloadInfo({ ...parameters, path });
      if (found === null) throw new DataError("no such file", { code: "file-missing" });
      return { ...found, blob: await downloadFile({ ...parameters, path, xet: false, downloadInfo: found }) };
    });
    const format = formatOf(path);
    const { blob } = info;
    if (blob === null || format === undefined) {
      throw new DataError(`cannot open ${fileName}: no such file.`, { code: "file-missing" });
    }
    return {
      name: fileName,
      format,
      sizeBytes: info.size,
      slice: (start, end) =>
        start >= end
          ? Promise.resolve(new ArrayBuffer(0))
          : attempt(`cannot read ${fileName}`, access, signal, async () => {
              const bytes = await blob.slice(start, end).arrayBuffer();
              if (bytes.byteLength === end - start) return bytes;
              throw new DataError(
                `the server sent ${bytes.byteLength} bytes where ${end - start} were asked for (${start} to ${end}).`,
                { code: "file-unreadable", retryable: true },
              );
            }),
      close: async () => {},
    };
  }
}

/** Runs a call of the hub and retries transient failures. */
async function attempt<Result>(
  what: string,
  access: HubAccess,
  signal: AbortSignal | undefined,
  call: () => Promise<Result>,
): Promise<Result> {
  for (let tried = 1; ; tried++) {
    try {
      return await call();
    } catch (error) {
      signal?.throwIfAborted();
      const failure = hubError(what, error, access);
      const passing = error instanceof DataError ? error.retryable : failure.retryable;
      if (!passing || tried === ATTEMPTS) throw failure;
      await sleep(FIRST_WAIT_MS * 2 ** (tried - 1), signal);
    }
  }
}
