/** A file that is written under another name and gets its own when it is whole. */
import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

import { makeFolder } from "../../core/files.ts";

export interface FileAside {
  /** Where to write. */
  readonly path: string;
  /** Makes what was written durable and gives it the wanted name. */
  keep(): Promise<void>;
  /** Removes it; after `keep` it does nothing. */
  discard(): Promise<void>;
}

/** Missing folders are made. */
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
