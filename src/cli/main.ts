#!/usr/bin/env node
/** The process: signals, pipes and exit status. `program.ts` does everything else. */
import { setMaxListeners } from "node:events";

import { SplitReasonError } from "../core/errors.ts";
import { EXIT } from "./support/exit-status.ts";
import { runCli } from "./program.ts";
import { processTerminal } from "./support/terminal.ts";

const stop = new AbortController();
// Each sample, rollout or request in flight has one listener: that is no leak.
setMaxListeners(0, stop.signal);
let outputGone = false;
let interruptStatus: number = EXIT.interrupted;

const interrupt = (status: number, message: string): void => {
  // At the second Ctrl-C, exit at once instead of waiting for the models.
  if (stop.signal.aborted) process.exit(status);
  interruptStatus = status;
  stop.abort(new SplitReasonError(message, { code: "aborted" }));
};
process.on("SIGINT", () => interrupt(EXIT.interrupted, "stopped by Ctrl-C."));
process.on("SIGTERM", () => interrupt(EXIT.terminated, "stopped by a termination signal."));

// A reader that has left (`| head`) is no failure: stop silently.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  outputGone = true;
  stop.abort(new SplitReasonError("nobody reads the output any more.", { code: "aborted" }));
});
process.stderr.on("error", () => {});

const terminal = processTerminal(stop.signal);
const status = await runCli(process.argv.slice(2), {
  ...terminal,
  log: (text) => {
    if (!outputGone) terminal.log(text);
  },
});
process.exitCode = outputGone ? EXIT.done : status === EXIT.interrupted ? interruptStatus : status;
