/** `splitreason train add-tags`: adds the tags to a model that others have trained. */
import type { Command } from "commander";

import { filledText, jsonFlag } from "../support/flags.ts";
import { type CommandContext, printResult } from "../support/command.ts";

interface AddTagsFlags {
  readonly model: string;
  readonly out: string;
  readonly json?: boolean;
}

export function registerTrainAddTags(train: Command, { terminal }: CommandContext): void {
  train
    .command("add-tags")
    .summary("copy a model, with <bigmodel> and </bigmodel> in its vocabulary")
    .description(
      "Copy a Hugging Face folder and add the two tags to its tokenizer, at ids for which the embedding has unused rows. This is the first step with a " +
        "model that others have trained; train sft then teaches it to write the tags. Any architecture works; safetensors also get new rows for the tags.",
    )
    .requiredOption(
      "--model <folder>",
      "the model: a folder with config.json, tokenizer.json and, if present, weights",
      filledText,
    )
    .requiredOption("--out <folder>", "the new folder", filledText)
    .addOption(jsonFlag())
    .addHelpText("after", HELP)
    .action(async ({ model, out, json }: AddTagsFlags) => {
      const { copyWithTags } = await import("../../train/export/index.ts");
      const { tags, matrices } = await copyWithTags(model, out, terminal.signal);
      printResult(terminal, { json }, { tags, matrices, out }, () =>
        [
          ...tags.map(({ content, id, isNew }) => `${content} ${isNew ? "is" : "was already"} token ${id}\n`),
          ...(matrices.length === 0
            ? []
            : [`their rows in ${matrices.join(" and ")} start as the mean of the rows of their text\n`]),
          `model: ${out}\n`,
        ].join(""),
      );
    });
}

const HELP = `
Example:
  splitreason train add-tags --model Qwen3-1.7B --out qwen3-1.7b-tags
  splitreason train sft --model qwen3-1.7b-tags --trainer 'tinker:http://HOST:8000?base=/models/qwen3-1.7b-tags' --data annotated.jsonl --out runs/tuned

docs/training.md says what comes before and after.
`;
