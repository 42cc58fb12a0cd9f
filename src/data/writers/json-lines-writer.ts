/** Writes JSON Lines: one row a line, a megabyte at a time. */
import { open } from "node:fs/promises";

import { fileAside } from "./file-aside.ts";
import type { RowWriter } from "./row-writer.ts";

const BUFFER_UNITS = 1024 ** 2;

export async function openJsonLinesWriter(path: string): Promise<RowWriter> {
  const aside = await fileAside(path);
  const handle = await open(aside.path, "w");
  let isOpen = true;
  let lines: string[] = [];
  let units = 0;
  const flush = async (): Promise<void> => {
    const text = lines.join("");
    lines = [];
    units = 0;
    await handle.writeFile(text);
  };
  const release = async (): Promise<void> => {
    if (!isOpen) return;
    isOpen = false;
    await handle.close();
  };
  return {
    write: async (row) => {
      const line = `${JSON.stringify(row)}\n`;
      lines.push(line);
      units += line.length;
      if (units >= BUFFER_UNITS) await flush();
    },
    close: async () => {
      await flush();
      await release();
      await aside.keep();
    },
    abort: async () => {
      await release();
      await aside.discard();
    },
  };
}
