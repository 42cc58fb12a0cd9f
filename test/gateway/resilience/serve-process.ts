/** `splitreason serve` as its users start it: a process of its own, from dist/. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const main =
  process.env["SPLITREASON_TEST_MAIN"] ??
  join(import.meta.dirname, "..", "..", "..", "dist", "cli", "main.js");

export interface ServeProcess extends AsyncDisposable {
  readonly url: string;
  /** The log so far. */
  readonly log: () => string;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Resolves when it has ended. */
  readonly ended: Promise<{ readonly status: number | null; readonly signal: NodeJS.Signals | null }>;
}

/** Waits for the line that says where it listens; rejects with what it logged when there is none. */
export async function startServe(
  callArguments: readonly string[],
  options: { readonly environment?: Readonly<Record<string, string>>; readonly cwd?: string } = {},
): Promise<ServeProcess> {
  const child = spawn(process.execPath, [main, "serve", "--port", "0", ...callArguments], {
    env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "", ...options.environment },
    stdio: ["ignore", "pipe", "pipe"],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
  const ended = once(child, "close").then(([status, signal]) => ({
    status: status as number | null,
    signal: signal as NodeJS.Signals | null,
  }));
  const url = await firstLine(child, ended, () => log);
  return {
    url,
    log: () => log,
    kill: (signal) => void child.kill(signal),
    ended,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

async function firstLine(
  { stdout }: ChildProcess,
  ended: ServeProcess["ended"],
  log: () => string,
): Promise<string> {
  if (stdout === null) throw new TypeError("standard output is not piped");
  let out = "";
  const line = new Promise<string>((resolve) => {
    stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
      if (out.includes("\n")) resolve(out.slice(0, out.indexOf("\n")));
    });
  });
  const first = await Promise.race([line, ended]);
  if (typeof first !== "string") throw new Error(`serve ended with ${String(first.status)}: ${log()}`);
  const parsed: unknown = JSON.parse(first);
  if (parsed === null || typeof parsed !== "object" || !("url" in parsed))
    throw new Error(`no url in ${first}`);
  return String(parsed.url);
}
