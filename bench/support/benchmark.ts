/**
 * The harness of all benchmarks: options with `--help`, a card for people, and one JSON document with its provenance on the last line.
 * Rounds and ratios are in `rounds.ts`. A benchmark is one file in `bench/`, started by `node scripts/bench.mjs NAME`.
 */
import { readProvenance } from "../../src/core/provenance.ts";
import { type Options, optionHelp, readOptions, type Values } from "./options.ts";

export interface Benchmark<Table extends Options> {
  readonly options: Values<Table>;
  /** Prints a line of the card. */
  readonly say: (line: string) => void;
  /** Prints the last line: one JSON document that also names the benchmark, the commit and the machine. */
  readonly report: (document: Readonly<Record<string, unknown>>) => Promise<void>;
}

export interface About<Table extends Options> {
  readonly name: string;
  /** One sentence for `--help`: what is measured against what. */
  readonly about: string;
  readonly options: Table;
}

/** Reads the command line. Ends the process after `--help` (status 0) and after a wrong option (status 2). */
export function openBenchmark<Table extends Options>({
  name,
  about,
  options,
}: About<Table>): Benchmark<Table> {
  const given = process.argv.slice(2);
  if (given.includes("--help")) {
    console.log([`npm run bench:${name} -- [OPTIONS]`, "", about, "", ...optionHelp(options)].join("\n"));
    process.exit(0);
  }
  return {
    options: readOrExit(name, options, given),
    say: (line) => console.log(line),
    report: async (document) => {
      const { git, machine } = await readProvenance();
      console.log(JSON.stringify({ benchmark: name, git, machine, ...document }));
    },
  };
}

function readOrExit<Table extends Options>(
  name: string,
  table: Table,
  given: readonly string[],
): Values<Table> {
  try {
    return readOptions(table, given);
  } catch (error) {
    console.error(`bench:${name}: ${(error as Error).message}; --help lists the options.`);
    return process.exit(2);
  }
}

/** A whole number with separators. */
export const wholeText = (value: number): string => Math.round(value).toLocaleString("en");
export const percentText = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)}%`;
