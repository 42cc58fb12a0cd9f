/** `splitreason data push FILE`: puts annotated traces on the Hugging Face hub. */
import { type Command, InvalidArgumentError } from "commander";

import { given } from "../../core/given.ts";
import { count, fileSize, percent } from "../../core/figures.ts";
import { hubAccessFrom } from "../../data/hub/calls.ts";
import type { PushProgress } from "../../data/publish/push.ts";
import { readTraces } from "../../data/readers/read-traces.ts";
import { counted } from "./convert.ts";
import {
  addSourceFlags,
  addTokenizerFlag,
  readOptions,
  ReadProgress,
  type SourceFlags,
  tokenCounting,
} from "./source.ts";
import { SOURCE_HELP, filledText, jsonFlag } from "../support/flags.ts";
import { Progress } from "../support/progress.ts";
import { type CommandContext, printResult } from "../support/command.ts";

interface PushFlags extends SourceFlags {
  readonly repo: string;
  readonly config: string;
  readonly split: string;
  readonly private?: boolean;
  readonly license?: string;
  readonly message: string;
  readonly tokenizer?: string;
  readonly json?: boolean;
}

export function registerDataPush(data: Command, { terminal }: CommandContext): void {
  const command = data
    .command("push")
    .summary("put annotated traces on the Hugging Face hub, with a card")
    .description(
      "Put annotated traces on the Hugging Face hub as parquet, with a card made from their statistics, in one commit. A repository that does not " +
        "exist is made. In an existing card only the statistics and the header's list of files change.",
    )
    .argument("<file>", SOURCE_HELP)
    .requiredOption("--repo <owner/name>", "the data set to write to", repository)
    .option("--config <name>", "configuration of the data set", word, "default")
    .option(
      "--split <name>",
      "split of the data set: its files are replaced, other splits stay",
      word,
      "train",
    )
    .option("--private", "make a new repository private")
    .option("--license <id>", "licence for the card, e.g. apache-2.0", filledText)
    .option("--message <text>", "title of the commit", filledText, "Annotated traces");
  addTokenizerFlag(addSourceFlags(command))
    .addOption(jsonFlag())
    .addHelpText("after", HELP)
    .action(async (file: string, flags: PushFlags) => {
      // Loaded here: the hub's library is slow to load.
      const { pushDataset } = await import("../../data/publish/push.ts");
      const reading = new ReadProgress(terminal);
      const sending = new Progress(terminal, "files");
      const { repo, config, split, license, message } = flags;
      try {
        const rows = counted(readTraces(file, readOptions(terminal, flags, reading)), reading);
        const result = await pushDataset(rows, {
          access: hubAccessFrom(terminal.environment),
          statistics: await tokenCounting(flags.tokenizer),
          file,
          repo,
          config,
          split,
          message,
          isPrivate: flags.private === true,
          onProgress: (event) => {
            reading.end();
            sending.show(progressLine(event));
          },
          signal: terminal.signal,
          ...given({ license }),
        });
        sending.end();
        const { statistics, ...made } = result;
        printResult(
          terminal,
          flags,
          { file, repo, ...made, statistics },
          () =>
            `${count(made.rows)} rows in ${count(made.files.length)} file${made.files.length === 1 ? "" : "s"} ` +
            `(${fileSize(made.files.reduce((sum, each) => sum + each.sizeBytes, 0))}) pushed to ${repo}: ${made.url}\n`,
        );
      } finally {
        reading.end();
        sending.end();
      }
    });
}

const progressLine = (event: PushProgress): string =>
  event.phase === "committing" ? "committing" : `${event.phase} ${event.path}: ${percent(event.share)}`;

function repository(text: string): string {
  if (/^[\w.-]+\/[\w.-]+$/u.test(text)) return text;
  throw new InvalidArgumentError("It must be OWNER/NAME.");
}

function word(text: string): string {
  if (/^\w[\w.-]*$/u.test(text)) return text;
  throw new InvalidArgumentError("It must be one word of letters, digits, dots, dashes and underscores.");
}

const HELP = `
HF_TOKEN must hold a token that may write; HF_ENDPOINT names another hub. A bad row stops the push before anything is sent.

Examples:
  splitreason data push annotated.jsonl --repo me/hard-spans --private
  splitreason data push by-gap.parquet --repo me/hard-spans --config gap --license apache-2.0
`;
