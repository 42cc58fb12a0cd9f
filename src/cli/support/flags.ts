/** Flags that several commands share, and how their values are read. A value that is wrong ends the call with what was expected. */
import { type Command, InvalidArgumentError, Option } from "commander";

import { POLICY_FACTS } from "../../decode/index.ts";

type Parser<T> = (text: string) => T;

/** A whole number from `minimum` to `maximum`. */
export function wholeNumber(minimum: number, maximum = Number.MAX_SAFE_INTEGER): Parser<number> {
  return (text) => {
    const value = Number(text);
    if (/^-?\d+$/u.test(text.trim()) && value >= minimum && value <= maximum) return value;
    const range =
      maximum === Number.MAX_SAFE_INTEGER ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`;
    throw new InvalidArgumentError(`It must be a whole number ${range}.`);
  };
}

/** A finite number from `minimum` to `maximum`. */
export function realNumber(minimum: number, maximum: number): Parser<number> {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && value >= minimum && value <= maximum) return value;
    throw new InvalidArgumentError(`It must be a number from ${minimum} to ${maximum}.`);
  };
}

/** Text that is not blank. */
export const filledText: Parser<string> = (text) => {
  if (text.trim() !== "") return text;
  throw new InvalidArgumentError("It must not be empty.");
};

export const SEED_MAXIMUM = 2 ** 32 - 1;

export interface PairFlags {
  readonly pair: string;
  readonly small?: string;
  readonly big?: string;
  readonly bias?: number;
  readonly budget?: number;
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly seed: number;
  readonly threads?: number;
  readonly json?: boolean;
}

export interface PolicyFlags {
  readonly policy?: string;
  readonly share?: number;
  readonly calibration?: string;
}

/** Which models, and how they decode. */
export function addPairFlags(command: Command): Command {
  return command
    .option(
      "--pair <name|file>",
      "the pair: micro, or a JSON file that says small, big and defaults",
      filledText,
      "micro",
    )
    .option("--small <spec>", "another small model, e.g. gguf:PATH", filledText)
    .option("--big <spec>", "another big model", filledText)
    .option(
      "--bias <nats>",
      "added to the tag's logit: above 0 hands over more, below less",
      realNumber(-100, 100),
    )
    .option("--budget <share>", "cap on the big model's share of the tokens, 0 to 1", realNumber(0, 1))
    .option("--max-tokens <n>", "longest output, both models together", wholeNumber(1))
    .option("--temperature <t>", "0 is greedy", realNumber(0, 10))
    .option("--seed <n>", "the same seed gives the same output", wholeNumber(0, SEED_MAXIMUM), 1)
    .option(
      "--threads <n>",
      "threads of each model (default: the cores; 1 for a tiny model)",
      wholeNumber(1, 256),
    )
    .addOption(new Option("--json", "one JSON document on standard output, nothing else there"));
}

export const POLICY_HELP =
  "who decides which model writes (see below), options after colons, e.g. entropy:threshold=1.2 (default: the pair's own)";

/** For help texts: each policy in one line. */
export const POLICY_LIST = `Policies (docs/decoding.md has their options):
${POLICY_FACTS.map(({ name, summary }) => `  ${name.padEnd(16)} ${summary}`).join("\n")}`;

/** Who writes when, for commands that run one policy. */
export function addPolicyFlags(command: Command): Command {
  return command
    .option("--policy <name>", POLICY_HELP, filledText)
    .option(
      "--share <share>",
      "the big model's share of the tokens, 0 to 1: under learned by the small model's calibration",
      realNumber(0, 1),
    )
    .option("--calibration <file>", CALIBRATION_HELP, filledText);
}

export const CALIBRATION_HELP =
  "for --share: what calibrate --out wrote (default: the pair's, or that beside the small model)";
