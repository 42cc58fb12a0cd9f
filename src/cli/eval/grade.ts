/** `splitreason grade FILE`: says, line by line, whether answers are equivalent to their references. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";

import type { Command } from "commander";
import { z } from "zod";

import { count } from "../../core/figures.ts";
import { DataError, errorMessage } from "../../core/errors.ts";
import { unreadable } from "../../core/files.ts";
import { firstFault } from "../../core/schema-faults.ts";
import type { CommandContext } from "../support/command.ts";

const pairSchema = z.object({ gold: z.string(), pred: z.string() });

/** A longer line is refused, in characters: no text with an answer is so long. */
const MAX_LINE = 8 * 1024 ** 2;

export function registerGrade(program: Command, { terminal }: CommandContext): void {
  program
    .command("grade")
    .summary("say which answers are equivalent to their references")
    .description(
      'Read lines {"gold", "pred"} of JSON and print a line {"equivalent", "goldParsed", "predParsed"} for each, in order. Either side is an ' +
        'answer or a text that gives one: its last \\boxed{} counts, or else the words after "answer is".',
    )
    .argument("<file>", "JSON Lines, or - for standard input")
    .option("--json", "accepted as in every command; the output is always JSON Lines")
    .addHelpText("after", HELP)
    .action(async (file: string) => {
      const { gradeMath } = await import("../../eval/graders/index.ts");
      let lines = 0;
      let broken = 0;
      let firstFault = "";
      for await (const line of linesOf(file)) {
        terminal.signal.throwIfAborted();
        lines += 1;
        if (line.trim() === "") continue;
        const pair = readPair(line);
        if (typeof pair === "string") {
          broken += 1;
          const fault = `${file}:${lines}: ${pair}`;
          if (broken === 1) firstFault = fault;
          terminal.log(`splitreason: ${fault}\n`);
          terminal.out(
            `${JSON.stringify({ equivalent: false, goldParsed: null, predParsed: null, error: pair })}\n`,
          );
          continue;
        }
        terminal.out(`${JSON.stringify(gradeMath(pair.gold, pair.pred))}\n`);
      }
      if (broken > 0) {
        throw new DataError(
          `${count(broken)} of ${count(lines)} lines could not be graded, the first: ${firstFault}. They have "error" in the output.`,
          { code: "data-invalid" },
        );
      }
    });
}

/** Reads a line: the pair, or a text that says what is wrong. */
function readPair(line: string): z.output<typeof pairSchema> | string {
  if (line.length > MAX_LINE) return `the line has ${line.length} characters, at most ${MAX_LINE} are read`;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    return `not valid JSON (${errorMessage(error)})`;
  }
  const parsed = pairSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  return firstFault(parsed.error, pairSchema, value);
}

async function* linesOf(file: string): AsyncGenerator<string> {
  const input = file === "-" ? process.stdin : createReadStream(file);
  try {
    yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  } catch (error) {
    throw unreadable(file, error);
  }
}

const HELP = `
Understood: numbers, fractions, roots, expressions with symbols, intervals, sets, tuples, matrices, equations, units, percent, words.
A line that is no such pair gets "error" in its output line and a message on standard error; the exit status is then 1.

Examples:
  splitreason grade answers.jsonl
  echo '{"gold":"\\\\frac{1}{2}","pred":"so it is \\\\boxed{0.5}"}' | splitreason grade -
`;
