/** The shape of a command: a function that adds it to the program. It also defines how a command prints its result. */
import type { Command } from "commander";

import type { Paint, Terminal } from "./terminal.ts";

export interface CommandContext {
  readonly terminal: Terminal;
  /** Colours for results. Call it when the command runs: only then are the flags read. */
  readonly paint: () => Paint;
}

/** Adds one command below `parent`. */
export type RegisterCommand = (parent: Command, context: CommandContext) => void;

/** A result as `--json` prints it: indented, with a line feed at the end. */
export const jsonText = (document: unknown): string => `${JSON.stringify(document, null, 2)}\n`;

/** Prints a result: the document with --json, the text otherwise. */
export function printResult(
  terminal: Terminal,
  { json }: { readonly json?: boolean | undefined },
  document: unknown,
  text: () => string,
): void {
  terminal.out(json === true ? jsonText(document) : text());
}
