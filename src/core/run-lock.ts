/** Keeps a second process away from an output: two would do the same work and overwrite each other. */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";

import { ConfigError, DataError, errorMessage } from "./errors.ts";

/**
 * Locks that this process holds. Its number in a file proves nothing, since a container may give every start the same number.
 */
const held = new Set<string>();
let made = 0;
/** Other processes may come and go meanwhile. A lock that cannot be read or moved stays. */
const MAX_ATTEMPTS = 100;

/**
 * Takes the lock. The lock of a killed process is taken over.
 * @throws ConfigError when a living process holds it, this one included; DataError when it cannot be written.
 */
export function lockRun(path: string): Disposable {
  const own = `${process.pid} ${startOf(process.pid) ?? "-"} ${++made}\n`;
  // Written completely before it gets its name, so that nobody reads half a lock.
  const draft = `${path}.${process.pid}-${made}`;
  try {
    writeFileSync(draft, own);
    for (let attempt = 1; !tryLink(draft, path); attempt++) {
      if (attempt > MAX_ATTEMPTS) throw new Error("what lies there can neither be read nor be taken away");
      const found = read(path);
      if (found === undefined) continue;
      const holder = holderOf(path, found);
      if (holder !== undefined) {
        throw new ConfigError(
          `process ${holder} is at work on the same output (${path}); wait for it, or give another output. If it is no process of this program, delete that file.`,
          { code: "config-invalid" },
        );
      }
      takeAway(path, found, draft);
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new DataError(
      `cannot write to ${path}: ${errorMessage(error)}; give an output that can be written.`,
      {
        code: "file-unreadable",
        cause: error,
      },
    );
  } finally {
    rmSync(draft, { force: true });
  }
  held.add(path);
  return {
    [Symbol.dispose]: () => {
      held.delete(path);
      if (read(path) === own) rmSync(path, { force: true });
    },
  };
}

/** False when the name is taken. */
function tryLink(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (isTaken(error)) return false;
  }
  // A file system without hard links: the best that is possible.
  try {
    writeFileSync(path, readFileSync(draft), { flag: "wx" });
    return true;
  } catch (error) {
    if (isTaken(error)) return false;
    throw error;
  }
}

const isTaken = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "EEXIST";

/** Removes a lock that nobody holds, unless another process has put its own there meanwhile. */
function takeAway(path: string, stale: string, draft: string): void {
  const aside = `${draft}.stale`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  if (read(aside) !== stale) tryLink(aside, path);
  rmSync(aside, { force: true });
}

/** The number of the process that holds the lock, if it is alive. */
function holderOf(path: string, content: string): number | undefined {
  const [pidText = "", start = "-"] = content.trim().split(" ");
  const pid = Number(pidText);
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  if (pid === process.pid) return held.has(path) ? pid : undefined;
  if (!isAlive(pid)) return undefined;
  // Another process with the same number has another start.
  const now = startOf(pid);
  return start === "-" || now === undefined || now === start ? pid : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** Start of a process, in ticks since the machine's start; undefined where the system does not report it. */
function startOf(pid: number): string | undefined {
  // The name, field 2, may contain spaces and parentheses; the start is field 22.
  return read(`/proc/${pid}/stat`)?.split(") ").at(-1)?.split(" ")[19];
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
