import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, it } from "vitest";

import { makeFolder, readTextFile, writeFileAtomic } from "./files.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "splitreason-files-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

it("replaces a file in one step, makes missing folders and leaves nothing beside it", async () => {
  const path = join(folder, "a", "b", "file.txt");
  await writeFileAtomic(path, "one");
  await writeFileAtomic(path, "two");
  expect(await readFile(path, "utf8")).toBe("two");
  expect(await readdir(join(folder, "a", "b"))).toEqual(["file.txt"]);
});

it("makes the same folder twice and many at once", async () => {
  await Promise.all([1, 2, 3, 4].map(() => makeFolder(join(folder, "x", "y", "z"))));
  await makeFolder(join(folder, "x", "y", "z"));
  expect(await readdir(join(folder, "x", "y"))).toEqual(["z"]);
});

it("fails where no folder can be made: below a file, in /proc", async () => {
  await writeFile(join(folder, "file"), "");
  await expect(makeFolder(join(folder, "file", "sub"))).rejects.toThrow("ENOTDIR");
  await expect(makeFolder(join(folder, "file"))).rejects.toThrow("EEXIST");
  await expect(makeFolder("/proc/nothing/here")).rejects.toThrow("ENOENT");
});

it("says which file is missing or too large", async () => {
  await expect(readTextFile(join(folder, "none"))).rejects.toThrow(
    `cannot read ${join(folder, "none")}: no such file`,
  );
  await writeFile(join(folder, "big"), "12345");
  await expect(readTextFile(join(folder, "big"), 4)).rejects.toThrow("has 5 bytes; at most 4 are read");
});
