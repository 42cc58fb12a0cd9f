import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, it } from "vitest";

import { DataError } from "./errors.ts";
import { lockRun } from "./run-lock.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "splitreason-lock-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const path = (): string => join(folder, "run.lock");

it("is held once, and leaves nothing behind", () => {
  {
    using _lock = lockRun(path());
    expect(() => lockRun(path())).toThrow(`process ${process.pid} is at work on the same output`);
    expect(readdirSync(folder)).toEqual(["run.lock"]);
  }
  expect(readdirSync(folder)).toEqual([]);
  lockRun(path())[Symbol.dispose]();
});

it.each([
  ["a process that is gone", `${2 ** 30} 1 1\n`],
  ["an earlier process with our number", `${process.pid} 1 1\n`],
  ["no process at all", "?"],
  ["nobody, yet", ""],
])("takes over what %s left", (_name, content) => {
  writeFileSync(path(), content);
  using _lock = lockRun(path());
  expect(readFileSync(path(), "utf8")).toMatch(new RegExp(`^${process.pid} `, "u"));
});

it("knows a living process, and one that only has its number", async () => {
  const child = spawn("sleep", ["30"]);
  try {
    const start = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ").at(-1)?.split(" ")[19];
    writeFileSync(path(), `${child.pid} ${start} 1\n`);
    expect(() => lockRun(path())).toThrow(`process ${child.pid} is at work`);
    writeFileSync(path(), `${child.pid} 1 1\n`);
    lockRun(path())[Symbol.dispose]();
  } finally {
    child.kill("SIGKILL");
  }
});

it("gives up what is no longer its own to the one that has it", () => {
  const lock = lockRun(path());
  writeFileSync(path(), "other");
  lock[Symbol.dispose]();
  expect(readFileSync(path(), "utf8")).toBe("other");
});

it("says where it cannot be written, and gives up on what cannot be read", () => {
  mkdirSync(path());
  writeFileSync(join(path(), "something"), "");
  expect(() => lockRun(path())).toThrow("can neither be read nor be taken away");
  expect(readdirSync(folder)).toEqual(["run.lock"]);
  expect(() => lockRun(join(folder, "none", "run.lock"))).toThrow(DataError);
});
