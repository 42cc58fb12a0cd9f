/** `splitreason train add-tags`: a model of others gets the tags that it will learn to write. */
import type { Command } from "commander";

import { filledText } from "../support/flags.ts";
import type { CommandContext } from "../support/command.ts";

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
      "Copy a Hugging Face folder and add the two tags to its tokenizer, at ids for which the embedding has unused rows. The first step with a model " +
        "that others have trained; train sft then teaches it to write them. Any architecture; only safetensors get rows of their own for the tags.",
    )
    .requiredOption(
      "--model <folder>",
      "with config.json, tokenizer.json and, where it has them, weights",
      filledText,
    )
    .requiredOption("--out <folder>", "a new folder", filledText)
    .option("--json", "one JSON document on standard output, nothing else there")
    .addHelpText("after", HELP)
    .action(async ({ model, out, json }: AddTagsFlags) => {
      const { copyWithTags } = await import("../../train/export/index.ts");
      const { tags, matrices } = await copyWithTags(model, out, terminal.signal);
      if (json === true) {
        terminal.out(`${JSON.stringify({ tags, matrices, out }, null, 2)}\n`);
        return;
      }
      for (const { content, id, isNew } of tags)
        terminal.out(`${content} ${isNew ? "is" : "was already"} token ${id}\n`);
      if (matrices.length > 0)
        terminal.out(`their rows in ${matrices.join(" and ")} begin as the mean of those of their text\n`);
      terminal.out(`model: ${out}\n`);
    });
}

const HELP = `
Example:
  splitreason train add-tags --model Qwen3-1.7B --out qwen3-1.7b-tags
  splitreason train sft --model qwen3-1.7b-tags --trainer 'tinker:http://HOST:8000?base=/models/qwen3-1.7b-tags' --data annotated.jsonl --out runs/tuned

docs/training.md says what comes before and after.
`;
