/** The program in this process, with what it prints kept. */
import { runCli } from "../../src/cli/program.ts";
import { systemClock } from "../../src/core/clock.ts";

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export async function callCli(callArguments: readonly string[], options: CallOptions = {}) {
  let out = "";
  let log = "";
  const status = await runCli(callArguments, {
    out: (text) => (out += text),
    log: (text) => (log += text),
    outIsTerminal: false,
    logIsTerminal: false,
    columns: 100,
    environment: options.environment ?? {},
    clock: systemClock,
    signal: options.signal ?? new AbortController().signal,
    readInput: async () => options.input ?? "",
  });
  return { status, out, log };
}
