/** Turns an error into an exit status. No other file does. */
import { CommanderError } from "commander";

import { errorMessage, type ErrorCode, SplitReasonError } from "../../core/errors.ts";
import { printable, printableLine } from "./terminal.ts";

export const EXIT = {
  done: 0,
  /** Failed while running: an engine is down, a file is unreadable. */
  failed: 1,
  /** Wrong call: an unknown flag, an invalid value, models that do not fit together. */
  wrongCall: 2,
  /** Ended by Ctrl-C; the number is the one that shells use. */
  interrupted: 130,
  /** Ended by a termination signal; the number is the one that shells use. */
  terminated: 143,
} as const;

const STATUS: Readonly<Record<ErrorCode, number>> = {
  "config-invalid": EXIT.wrongCall,
  usage: EXIT.wrongCall,
  "file-missing": EXIT.failed,
  "file-unreadable": EXIT.failed,
  "file-invalid": EXIT.failed,
  "data-invalid": EXIT.failed,
  "budget-spent": EXIT.failed,
  "engine-unavailable": EXIT.failed,
  "engine-failed": EXIT.failed,
  "engine-closed": EXIT.failed,
  "pair-mismatch": EXIT.wrongCall,
  "prompt-too-long": EXIT.failed,
  "wire-invalid": EXIT.failed,
  "train-invalid": EXIT.wrongCall,
  "train-diverged": EXIT.failed,
  "trainer-unavailable": EXIT.failed,
  "trainer-lost": EXIT.failed,
  aborted: EXIT.interrupted,
  internal: EXIT.failed,
};

export function exitStatus(error: unknown): number {
  if (error instanceof SplitReasonError) return STATUS[error.code];
  // Commander exits with 0 for help and version; anything else is a wrong call.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.wrongCall;
  return EXIT.failed;
}

/** Describes an error in one line; with `debug`, also its stack and every cause. */
export function describeError(error: unknown, debug: boolean): string {
  const unexpected = !(error instanceof SplitReasonError);
  const hint = unexpected && !debug ? " (unexpected; --debug shows where)" : "";
  const line = `splitreason: ${printableLine(errorMessage(error))}${hint}\n`;
  if (!debug) return line;
  const stacks: string[] = [];
  for (let cause = error; cause instanceof Error && stacks.length < 8; cause = cause.cause) {
    stacks.push(printable(cause.stack ?? cause.message));
  }
  return `${line}${stacks.join("\ncaused by: ")}\n`;
}
