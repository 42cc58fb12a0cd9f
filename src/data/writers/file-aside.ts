/** A file that is written under a temporary name and renamed when it is complete. */
import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

import { makeFolder } from "../../core/files.ts";

export interface FileAside {
  /** The temporary path to write to. */
  readonly path: string;
  /** Flushes the file to the disk and renames it. */
  keep(): Promise<void>;
  /** Removes the file; after `keep` it does nothing. */
  discard(): Promise<void>;
}

/** Opens a temporary name beside `wanted`. Missing folders are made. */
export async function fileAside(wanted: string): Promise<FileAside> {
  await makeFolder(dirname(wanted));
  const path = `${wanted}.${process.pid}-${randomBytes(4).toString("hex")}.partial`;
  let kept = false;
  return {
    path,
    keep: async () => {
      const handle = await open(path, "r+");
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(path, wanted);
      kept = true;
    },
    discard: async () => {
      if (!kept) await rm(path, { force: true });
    },
  };
}
