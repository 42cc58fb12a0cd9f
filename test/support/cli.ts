/** Starts the program as its users do: a process of its own, from dist/. */
import { spawn } from "node:child_process";
import { join } from "node:path";

const builtMain = join(import.meta.dirname, "..", "..", "dist", "cli", "main.js");

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
  /** The compiled program; default that of this checkout. */
  readonly main?: string;
  /** Ended by force after this long; default two minutes. */
  readonly timeoutMs?: number;
  /** Called every 20 ms while the program runs. */
  readonly poll?: (kill: (signal: NodeJS.Signals) => void) => Promise<void>;
  /** Called with what standard output has said so far; `closeOut` stops reading it, as `head` does. */
  readonly onOut?: (out: string, closeOut: () => void) => void;
}

/** Runs to the end. */
export function runCliProcess(
  callArguments: readonly string[],
  options: CliOptions = {},
): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [options.main ?? builtMain, ...callArguments], {
      env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "", ...options.environment },
      timeout: options.timeoutMs ?? 120_000,
      killSignal: "SIGKILL",
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    let out = "";
    let log = "";
    const kill = (signal: NodeJS.Signals): void => void child.kill(signal);
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
      options.onOut?.(out, () => child.stdout.destroy());
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      log += text;
    });
    const timer = setInterval(() => void options.poll?.(kill), 20);
    child.on("error", reject);
    child.on("close", (status, signal) => {
      clearInterval(timer);
      resolve({ status, signal, out, log });
    });
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? "");
  });
}
