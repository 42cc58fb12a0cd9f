/** Programs under test, each in a process of its own, and what the system says that they cost. */
import { type ChildProcess, fork } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";

import { sleep } from "../../src/core/async.ts";

export interface Server {
  readonly process: ChildProcess;
  /** Base URL, without a slash at the end. */
  readonly url: string;
}

export interface StartOptions {
  readonly callArguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly nodeOptions?: readonly string[];
}

const START_TIMEOUT_MS = 90_000;

/** Starts one of the programs in this folder and waits for the `{ url }` that it sends. */
export async function startSibling(name: string, options: StartOptions = {}): Promise<Server> {
  const child = startNode(join(import.meta.dirname, name), options);
  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${name} did not say its address`)), START_TIMEOUT_MS);
    child.process.once("message", (message: { readonly url?: string }) => {
      clearTimeout(timer);
      if (message.url === undefined) reject(new Error(`${name} sent no address`));
      else resolve(message.url);
    });
    child.process.once("exit", (status) => {
      clearTimeout(timer);
      reject(new Error(`${name} ended with status ${status} before it was ready: ${child.log()}`));
    });
  });
  return { process: child.process, url };
}

/** Node on a file, its output kept for error messages only. */
export function startNode(
  path: string,
  options: StartOptions = {},
): { readonly process: ChildProcess; readonly log: () => string } {
  const child = fork(path, [...(options.callArguments ?? [])], {
    env: { ...process.env, ...options.environment },
    execArgv: [...(options.nodeOptions ?? [])],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  // A process that ends with messages on the way to it: whoever waits for it hears of its end.
  child.on("error", () => {});
  let log = "";
  const keep = (text: string): void => {
    log = (log + text).slice(-4000);
  };
  child.stdout?.setEncoding("utf8").on("data", keep);
  child.stderr?.setEncoding("utf8").on("data", keep);
  return { process: child, log: () => log };
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => {
    child.once("exit", resolve);
  });
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
  await ended;
  clearTimeout(timer);
}

/** A port that was free a moment ago, for programs that cannot choose one and say it. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

export async function waitUntil(what: string, isReady: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < endMs) {
    if (await isReady().catch(() => false)) return;
    await sleep(50);
  }
  throw new Error(`${what} was not ready within ${START_TIMEOUT_MS / 1000} s`);
}

export interface Cost {
  /** All threads, since the start. */
  readonly cpuMs: number;
  readonly residentMb: number;
}

/** From /proc, so that it works for programs that know nothing of it; undefined where there is none. */
export async function readCost(child: ChildProcess): Promise<Cost | undefined> {
  try {
    const stat = await readFile(`/proc/${child.pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // utime and stime, in hundredths of a second on every Linux that node runs on; rss in pages of 4 KiB.
    const cpuMs = (Number(fields[11]) + Number(fields[12])) * 10;
    return { cpuMs, residentMb: (Number(fields[21]) * 4096) / 2 ** 20 };
  } catch {
    return undefined;
  }
}
