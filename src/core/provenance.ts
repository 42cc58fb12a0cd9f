/** The code and the machine that made a number: without them nobody can check it. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export interface Provenance {
  /** The commit of this project's checkout, with `-dirty` where tracked files differ from it; null outside of a checkout. */
  readonly git: string | null;
  readonly machine: {
    readonly processor: string;
    readonly cores: number;
    readonly node: string;
    readonly platform: string;
  };
}

export async function readProvenance(): Promise<Provenance> {
  return {
    git: await commitOfCheckout(),
    machine: {
      processor: cpus()[0]?.model ?? "unknown",
      cores: availableParallelism(),
      node: process.versions.node,
      platform: `${process.platform}-${process.arch}`,
    },
  };
}

async function commitOfCheckout(): Promise<string | null> {
  try {
    const top = await git("rev-parse", "--show-toplevel");
    // Installed as a package inside someone else's repository: their commit says nothing about this code.
    const manifest: unknown = JSON.parse(await readFile(join(top, "package.json"), "utf8"));
    if (
      manifest === null ||
      typeof manifest !== "object" ||
      !("name" in manifest) ||
      manifest.name !== "splitreason"
    ) {
      return null;
    }
    const changed = await git("status", "--porcelain", "--untracked-files=no");
    return `${await git("rev-parse", "HEAD")}${changed === "" ? "" : "-dirty"}`;
  } catch {
    return null;
  }
}

async function git(...gitArguments: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)("git", gitArguments, {
    cwd: import.meta.dirname,
    timeout: 10_000,
  });
  return stdout.trim();
}
