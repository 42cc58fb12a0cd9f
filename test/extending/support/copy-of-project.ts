/**
 * A copy of the project that a test may extend: the sources in a folder of their own, compiled there, with the CLI that comes of it. It shows
 * what a contributor has to touch, because every change goes through `add` and `insertAfter`, which keep a list.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

import { runCliProcess } from "../../support/cli.ts";

const root = join(import.meta.dirname, "..", "..", "..");

export interface CopyOfProject {
  readonly folder: string;
  /** Files that were added or edited, relative to the project's root, sorted. */
  readonly touched: readonly string[];
  /** Writes a new file. Throws where one is already. */
  add(path: string, text: string): Promise<void>;
  /** Puts whole lines after the first line that matches. Throws where none does. */
  insertAfter(path: string, anchor: RegExp, ...lines: readonly string[]): Promise<void>;
  /** Compiles the copy. Throws with the compiler's output. */
  build(): Promise<void>;
  /** Runs the command line program of the copy, in the copy's folder. */
  run(callArguments: readonly string[], input?: string): Promise<Finished>;
}

interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Copies `src`, `docs` and what they are built with into `.cache/extending/NAME`; a copy of an earlier run is removed. */
export async function copyOfProject(name: string): Promise<CopyOfProject> {
  const folder = join(root, ".cache", "extending", name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await cp(join(root, "src"), join(folder, "src"), {
    recursive: true,
    filter: (path) => !path.endsWith(".test.ts"),
  });
  await cp(join(root, "docs"), join(folder, "docs"), { recursive: true });
  for (const file of ["package.json", "tsconfig.json", "tsconfig.build.json"]) {
    await cp(join(root, file), join(folder, file));
  }
  await symlink(join(root, "models"), join(folder, "models"));

  const touched = new Set<string>();
  return {
    folder,
    get touched() {
      return [...touched].sort();
    },
    async add(path, text) {
      const target = join(folder, path);
      if (existsSync(target)) throw new Error(`${path} exists already`);
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, text);
      touched.add(path);
    },
    async insertAfter(path, anchor, ...lines) {
      const target = join(folder, path);
      const text = (await readFile(target, "utf8")).split("\n");
      const at = text.findIndex((line) => anchor.test(line));
      if (at < 0) throw new Error(`${path} has no line like ${String(anchor)}`);
      text.splice(at + 1, 0, ...lines);
      await writeFile(target, text.join("\n"));
      touched.add(path);
    },
    async build() {
      const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
      await promisify(execFile)(process.execPath, [compiler, "-p", "tsconfig.build.json"], {
        cwd: folder,
      }).catch((error: { readonly stdout?: string }) => {
        throw new Error(`the copy does not compile:\n${error.stdout ?? "it said nothing"}`);
      });
    },
    async run(callArguments, input) {
      const main = join(folder, "dist", "cli", "main.js");
      const { status, out, log } = await runCliProcess(callArguments, {
        main,
        cwd: folder,
        timeoutMs: 600_000,
        ...(input === undefined ? {} : { input }),
      });
      return { status, stdout: out, stderr: log };
    },
  };
}

/** How many files CONTRIBUTING.md says one edits `to add` this; undefined where it has no such row. */
export async function promisedFiles(what: string): Promise<number | undefined> {
  const text = await readFile(join(root, "CONTRIBUTING.md"), "utf8");
  const row = text.split("\n").find((line) => line.startsWith(`| ${what} |`));
  return row === undefined ? undefined : Number(row.split("|")[2]);
}
