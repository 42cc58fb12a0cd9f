/**
 * A real llama.cpp server: the very code of its `tools/server`, which the Python package xllamacpp has compiled in for Linux, macOS and
 * Windows. It is installed by pip, into .cache/, when a test first wants it (34 MB, seconds); building `llama-server` from source took
 * over half an hour on two busy cores.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { PACKAGES_TIMEOUT_MS, pythonPackages, pythonProgram } from "./python-packages.ts";

/** Pinned: its wheel works with every Python from 3.10 on. */
const PACKAGE = "xllamacpp==2026.10.11549";
const REPOSITORY = join(import.meta.dirname, "..", "..");
const PROGRAM = join(import.meta.dirname, "llama-server.py");
const START_TIMEOUT_MS = 60_000;

/** Time enough to download and install it once. */
export const LLAMA_SERVER_TIMEOUT_MS = PACKAGES_TIMEOUT_MS;

export interface LlamaServerOptions {
  /** The name that the server lists. */
  readonly name: string;
  /** Requests at once, each with a context of its own. Default 4. */
  readonly slots?: number;
  /** Tokens of each context. Default 512. */
  readonly contextSize?: number;
  /** llama.cpp's `--special`: special tokens are shown in the output. Default false, as there. */
  readonly special?: boolean;
}

export interface LlamaServer extends AsyncDisposable {
  readonly url: string;
  /** The server's own count since its start, from `/metrics`. */
  work(): Promise<{ readonly prefilled: number; readonly decoded: number }>;
  /** Slots that are decoding or reading now, from `/slots`. */
  busy(): Promise<number>;
  /** Ends the process at once, as a crash would. */
  kill(): Promise<void>;
}

/** Starts a server with a GGUF. Rejects, with what pip or the server said, when that is not possible: these tests are never skipped. */
export async function startLlamaServer(path: string, options: LlamaServerOptions): Promise<LlamaServer> {
  const packages = await pythonPackages("llama-server", [PACKAGE], "The tests of a real llama.cpp server");
  const child = spawn(pythonProgram(), [PROGRAM], {
    env: { ...process.env, PYTHONPATH: packages, PYTHONDONTWRITEBYTECODE: "1" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (part: Buffer) => {
    log = (log + part.toString("utf8")).slice(-4000);
  });
  const { name, slots = 4, contextSize = 512, special = false } = options;
  // Its input stays open: when this process ends, however, the server does too.
  child.stdin.on("error", () => {});
  child.stdin.write(
    `${JSON.stringify({ path: join(REPOSITORY, path), name, slots, contextSize, special })}\n`,
  );
  const kill = (): Promise<void> => ended(child);
  try {
    const url = await firstLine(child);
    return {
      url,
      work: async () => countsOf(await (await fetch(`${url}/metrics`)).text()),
      busy: async () => {
        const list = (await (await fetch(`${url}/slots`)).json()) as readonly { is_processing: boolean }[];
        return list.filter(({ is_processing }) => is_processing).length;
      },
      kill,
      [Symbol.asyncDispose]: kill,
    };
  } catch (error) {
    await kill();
    throw new Error(`llama.cpp's server did not start with ${path}:\n${log}`, { cause: error });
  }
}

async function firstLine(child: ChildProcess): Promise<string> {
  const { stdout } = child;
  if (stdout === null) throw new TypeError("the server has no output");
  const lines = createInterface({ input: stdout });
  const timer = setTimeout(() => child.kill("SIGKILL"), START_TIMEOUT_MS);
  try {
    for await (const line of lines) {
      if (line.startsWith('{"url"')) return (JSON.parse(line) as { readonly url: string }).url;
    }
    throw new Error(`it ended with status ${child.exitCode}, signal ${child.signalCode}`);
  } finally {
    clearTimeout(timer);
    stdout.resume();
  }
}

function countsOf(metrics: string): { prefilled: number; decoded: number } {
  const count = (name: string): number => {
    const value = new RegExp(`^llamacpp:${name} (\\S+)$`, "mu").exec(metrics)?.[1];
    if (value === undefined) throw new Error(`the server has no metric ${name}:\n${metrics}`);
    return Number(value);
  };
  return { prefilled: count("prompt_tokens_total"), decoded: count("tokens_predicted_total") };
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.on("exit", () => resolve());
    child.kill("SIGKILL");
  });
}
