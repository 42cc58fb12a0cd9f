/** One process at a time on one output: two would do the same work, and each would write where the other thinks it does. */
import { closeSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";

import { ConfigError } from "./errors.ts";

/** @throws ConfigError when a process that is alive holds it, this one included. What a killed process left is taken over. */
export function lockRun(path: string): Disposable {
  for (let attempt = 0; ; attempt++) {
    try {
      const descriptor = openSync(path, "wx");
      writeSync(descriptor, String(process.pid));
      closeSync(descriptor);
      return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST") || attempt > 2) throw error;
      const holder = holderOf(path);
      if (holder !== undefined && isAlive(holder)) {
        throw new ConfigError(
          `process ${holder} is at work on the same output (${path}); wait for it, or give --out another.`,
          { code: "config-invalid" },
        );
      }
      rmSync(path, { force: true });
    }
  }
}

function holderOf(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, "utf8"));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
