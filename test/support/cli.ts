/** Starts the program as its users do: a process of its own, from dist/. */
import { spawn } from "node:child_process";
import { join } from "node:path";

const main = join(import.meta.dirname, "..", "..", "dist", "cli", "main.js");

export interface CliResult {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly log: string;
}

export interface CliOptions {
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Called with what standard error has said so far, to act on it in the middle of a run. */
  readonly onLog?: (log: string, kill: (signal: NodeJS.Signals) => void) => void;
  /** The same for standard output; `closeOut` stops reading it, as `head` does. */
  readonly onOut?: (out: string, kill: (signal: NodeJS.Signals) => void, closeOut: () => void) => void;
}

/** Runs to the end; ended by force after two minutes. */
export function runCliProcess(
  callArguments: readonly string[],
  options: CliOptions = {},
): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...callArguments], {
      env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "", ...options.environment },
      timeout: 120_000,
      killSignal: "SIGKILL",
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    let out = "";
    let log = "";
    const kill = (signal: NodeJS.Signals): void => void child.kill(signal);
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
      options.onOut?.(out, kill, () => child.stdout.destroy());
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      log += text;
      options.onLog?.(log, kill);
    });
    child.on("error", reject);
    child.on("close", (status, signal) => resolve({ status, signal, out, log }));
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? "");
  });
}
