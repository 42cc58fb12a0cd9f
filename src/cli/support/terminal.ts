/** The terminal as commands see it: where to print, whether in colour, whether anyone still reads. */
import { createColors } from "picocolors";

import { type Clock, systemClock } from "../../core/clock.ts";

export interface Terminal {
  /** Results. */
  out(text: string): void;
  /** Logs, progress and errors. */
  log(text: string): void;
  readonly outIsTerminal: boolean;
  readonly logIsTerminal: boolean;
  readonly columns: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Aborted by Ctrl-C, by a termination signal, or when nobody reads the output any more. */
  readonly signal: AbortSignal;
  /** All of standard input as UTF-8; undefined when it is a terminal. */
  readInput(): Promise<string | undefined>;
}

/** The process's own terminal. */
export function processTerminal(signal: AbortSignal): Terminal {
  return {
    out: (text) => void process.stdout.write(text),
    log: (text) => void process.stderr.write(text),
    outIsTerminal: process.stdout.isTTY,
    logIsTerminal: process.stderr.isTTY,
    // Some pseudo-terminals have no width, and say 0.
    columns: process.stdout.columns || process.stderr.columns || 100,
    environment: process.env,
    clock: systemClock,
    signal,
    readInput: async () => {
      if (process.stdin.isTTY) return undefined;
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
      return Buffer.concat(chunks).toString("utf8");
    },
  };
}

/** Whether to colour what goes to a stream: --no-color first, then NO_COLOR, FORCE_COLOR, TERM=dumb, then whether it is a terminal. */
export function wantsColor(
  environment: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean,
  colorFlag: boolean | undefined,
): boolean {
  if (colorFlag === false) return false;
  // no-color.org: present and not empty, whatever its value.
  if ((environment["NO_COLOR"] ?? "") !== "") return false;
  const force = environment["FORCE_COLOR"] ?? "";
  if (force !== "") return force !== "0" && force !== "false";
  if (environment["TERM"] === "dumb") return false;
  return isTerminal;
}

export type Paint = ReturnType<typeof createColors>;

/** Colour functions that return their text as it is when `enabled` is false. */
export const paintWith = (enabled: boolean): Paint => createColors(enabled);

/**
 * Makes text of unknown origin safe to print: control characters other than newline and tab, and characters that reorder text,
 * become visible escapes such as `\x1b` or `\u202e`. A carriage return before a newline is dropped.
 */
export function printable(text: string): string {
  return text
    .replace(/\r\n/gu, "\n")
    .replace(/[^\P{Cc}\n\t]|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\p{Cs}/gu, (character) => {
      const code = character.codePointAt(0) ?? 0;
      return code < 256
        ? `\\x${code.toString(16).padStart(2, "0")}`
        : `\\u${code.toString(16).padStart(4, "0")}`;
    });
}

/** The same on one line, for messages. */
export const printableLine = (text: string): string => printable(text).replace(/\s*\n\s*/gu, " ");
