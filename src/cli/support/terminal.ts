/** The terminal as commands see it: its outputs, its colours, and the signal to stop. */
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
  /** Aborted by Ctrl-C, by a termination signal, or when nobody reads the output any longer. */
  readonly signal: AbortSignal;
  /** Reads all of standard input as UTF-8; undefined when it is a terminal. */
  readInput(): Promise<string | undefined>;
}

/** The process's own terminal. */
export function processTerminal(signal: AbortSignal): Terminal {
  return {
    out: (text) => void process.stdout.write(text),
    log: (text) => void process.stderr.write(text),
    outIsTerminal: process.stdout.isTTY,
    logIsTerminal: process.stderr.isTTY,
    // Some pseudo-terminals report a width of 0.
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

/**
 * Whether to colour a stream. The first of these decides: --no-color, NO_COLOR, FORCE_COLOR, TERM=dumb, whether it is a
 * terminal.
 */
export function wantsColor(
  environment: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean,
  colorFlag: boolean | undefined,
): boolean {
  if (colorFlag === false) return false;
  // By no-color.org any value counts, except the empty one.
  if ((environment["NO_COLOR"] ?? "") !== "") return false;
  const force = environment["FORCE_COLOR"] ?? "";
  if (force !== "") return force !== "0" && force !== "false";
  if (environment["TERM"] === "dumb") return false;
  return isTerminal;
}

export type Paint = ReturnType<typeof createColors>;

/** Colour functions. They return their text unchanged when `enabled` is false. */
export const paintWith = (enabled: boolean): Paint => createColors(enabled);

/**
 * Makes untrusted text safe to print. Control characters other than newline and tab, and characters that reorder text, become
 * visible escapes such as `\x1b` or `\u202e`. A carriage return before a newline is dropped.
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

/** Makes untrusted text safe to print on one line. */
export const printableLine = (text: string): string => printable(text).replace(/\s*\n\s*/gu, " ");
