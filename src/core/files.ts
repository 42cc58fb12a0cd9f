/** Files are written aside and renamed, so that a reader never sees half a file and a crash loses nothing. */
import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

import { DataError, errorMessage } from "./errors.ts";

/** Replaces `path` by `content` in one step; of a stream, its chunks one after the other. Missing folders are made. */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<string>,
): Promise<void> {
  await makeFolder(dirname(path));
  const aside = `${path}.${process.pid}-${randomBytes(4).toString("hex")}.partial`;
  try {
    const handle = await open(aside, "w");
    try {
      await writeFile(handle, content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}

/**
 * Makes a folder and the missing ones above it, one level at a time. Node's own recursive `mkdir` never returns on a file system that
 * answers "no such file" to it, as /proc does.
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "EEXIST" && (await stat(path)).isDirectory()) return;
    const parent = dirname(path);
    if (code !== "ENOENT" || parent === path) throw error;
    await makeFolder(parent);
    await mkdir(path).catch(ignoreExisting);
  }
}

/** Another process may have made the same folder in between. */
function ignoreExisting(error: unknown): void {
  if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
}

/** Reads a UTF-8 file of at most `maxBytes`; throws a {@link DataError} that names the file. */
export async function readTextFile(path: string, maxBytes = 64 * 1024 * 1024): Promise<string> {
  try {
    const content = await readFile(path);
    if (content.byteLength > maxBytes) {
      throw new DataError(`${path} has ${content.byteLength} bytes; at most ${maxBytes} are read.`, {
        code: "file-invalid",
      });
    }
    return content.toString("utf8");
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw unreadable(path, error);
  }
}

/** The error for a file that cannot be read: "no such file" has a code of its own. */
export function unreadable(path: string, error: unknown): DataError {
  const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
  return new DataError(`cannot read ${path}: ${missing ? "no such file" : errorMessage(error)}`, {
    code: missing ? "file-missing" : "file-unreadable",
    cause: error,
  });
}

/** The result of a read, or undefined when there is no such file. Any other error is thrown. */
export async function ifExists<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof DataError && error.code === "file-missing") return undefined;
    throw error;
  }
}
