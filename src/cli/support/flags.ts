/**
 * Flags that several commands share, and the parsers of their values. A wrong value ends the call with a message that says what
 * was expected.
 */
import { type Command, InvalidArgumentError, Option } from "commander";

import { parseTagPair, type TagPair } from "../../tags/index.ts";
import { POLICY_FACTS } from "../../decode/index.ts";

type Parser<T> = (text: string) => T;

/** Parses a whole number from `minimum` to `maximum`. */
export function wholeNumber(minimum: number, maximum = Number.MAX_SAFE_INTEGER): Parser<number> {
  return (text) => {
    const value = Number(text);
    if (/^-?\d+$/u.test(text.trim()) && value >= minimum && value <= maximum) return value;
    const range =
      maximum === Number.MAX_SAFE_INTEGER ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`;
    throw new InvalidArgumentError(`It must be a whole number ${range}.`);
  };
}

/** Parses a finite number from `minimum` to `maximum`. */
export function realNumber(minimum: number, maximum: number): Parser<number> {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && value >= minimum && value <= maximum) return value;
    throw new InvalidArgumentError(`It must be a number from ${minimum} to ${maximum}.`);
  };
}

/** Accepts text that is not blank. */
export const filledText: Parser<string> = (text) => {
  if (text.trim() !== "") return text;
  throw new InvalidArgumentError("It must not be empty.");
};

export interface PairFlags {
  readonly pair: string;
  readonly small?: string;
  readonly big?: string;
  readonly bias?: number;
  readonly budget?: number;
  readonly hardBudget?: boolean;
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly seed: number;
  readonly threads?: number;
  readonly tags?: TagPair;
  readonly context?: number;
  readonly bigTimeout?: number;
  readonly json?: boolean;
}

export interface PolicyFlags {
  readonly policy?: string;
  readonly share?: number;
  readonly calibration?: string;
}

/** Help for sources of rows. */
export const SOURCE_HELP =
  "FILE.jsonl, FILE.parquet, a folder of them, or hf:OWNER/NAME[@REVISION][/CONFIG][:SPLIT]";

/** Makes a flag with a value, for `command.addOption`. */
export const flag = <T>(names: string, help: string, parse: Parser<T>): Option =>
  new Option(names, help).argParser<T>(parse);

// Flags of several commands. Their ranges are defined here once; each command gives its own help.
export const jsonFlag = (
  help = "print one JSON document on standard output, and nothing else there",
): Option => new Option("--json", help);
export const seedFlag = (help: string): Option => flag("--seed <n>", help, wholeNumber(0, 2 ** 32 - 1));
export const threadsFlag = (
  help = "threads of each model (default: one for each core; give 1 for a tiny model)",
): Option => flag("--threads <n>", help, wholeNumber(1, 256));
export const contextFlag = (
  help = "tokens that each sequence of a model in this process holds (default: what the longest prompt and output need)",
): Option => flag("--context <tokens>", help, wholeNumber(64, 10_000_000));
export const tagsFlag = (
  help = "the small model's tags, two control tokens of its vocabulary, e.g. '<|fim_prefix|>,<|fim_suffix|>' (default: <bigmodel>,</bigmodel>)",
): Option =>
  flag("--tags <open,close>", help, (text) => {
    const tags = parseTagPair(text);
    if (tags !== undefined) return tags;
    throw new InvalidArgumentError("It must be two different control tokens with a comma between them.");
  });
export const bigTimeoutFlag = (): Option =>
  flag(
    "--big-timeout <seconds>",
    "longest silence of the big model before the small one continues alone (default: 120; while it computes it is not silent)",
    realNumber(0.001, 1_000_000),
  );
export const concurrencyFlag = (help: string): Option =>
  flag("--concurrency <n>", help, wholeNumber(1, 1024));
export const limitFlag = (help: string): Option => flag("--limit <n>", help, wholeNumber(1));
export const pairFlag = (help = "the pair: micro, or a JSON file with small, big and defaults"): Option =>
  flag("--pair <name|file>", help, filledText);
export const smallFlag = (help = "another small model, e.g. gguf:PATH"): Option =>
  flag("--small <spec>", help, filledText);
export const bigFlag = (help = "another big model"): Option => flag("--big <spec>", help, filledText);
export const biasFlag = (help: string): Option => flag("--bias <nats>", help, realNumber(-100, 100));
export const budgetFlag = (help: string): Option => flag("--budget <share>", help, realNumber(0, 1));
export const hardBudgetFlag = (): Option =>
  new Option(
    "--hard-budget",
    "keep --budget after every token, and cut spans short for it (default: between spans)",
  );
export const shareFlag = (help: string): Option => flag("--share <share>", help, realNumber(0, 1));
export const maxTokensFlag = (help: string): Option => flag("--max-tokens <n>", help, wholeNumber(1));
export const temperatureFlag = (help: string): Option => flag("--temperature <t>", help, realNumber(0, 10));
export const calibrationFlag = (): Option =>
  flag(
    "--calibration <file>",
    "for --share: a table of calibrate --out (default: the pair's, or the one beside the small model)",
    filledText,
  );

/** Adds the flags that choose the models and how they decode. */
export function addPairFlags(command: Command): Command {
  return command
    .addOption(pairFlag().default("micro"))
    .addOption(smallFlag())
    .addOption(bigFlag())
    .addOption(biasFlag("added to the logit of the open tag: above 0 hands over more, below 0 less"))
    .addOption(budgetFlag("limit on the big model's share of the tokens, 0 to 1"))
    .addOption(hardBudgetFlag())
    .addOption(maxTokensFlag("longest output, both models together"))
    .addOption(temperatureFlag("sampling temperature; 0 is greedy"))
    .addOption(seedFlag("the same seed gives the same output").default(1))
    .addOption(threadsFlag())
    .addOption(tagsFlag())
    .addOption(contextFlag())
    .addOption(bigTimeoutFlag())
    .addOption(jsonFlag());
}

/** Help for the policies, one line each. */
export const POLICY_LIST = `Policies (docs/decoding.md has their options):
${POLICY_FACTS.map(({ name, summary }) => `  ${name.padEnd(16)} ${summary}`).join("\n")}`;

/** Adds the flags that choose a policy. */
export function addPolicyFlags(command: Command): Command {
  return command
    .option(
      "--policy <name>",
      "who decides which model writes (see below), options after colons, e.g. entropy:threshold=1.2 (default: the pair's own)",
      filledText,
    )
    .addOption(
      shareFlag("the big model's share of the tokens, 0 to 1; for learned by the small model's calibration"),
    )
    .addOption(calibrationFlag());
}
