/** `splitreason train ...`: the commands that make or change a model. */
import type { Command } from "commander";

import type { CommandContext } from "../support/command.ts";
import { registerTrainAddTags } from "./add-tags.ts";
import { registerTrainGrpo } from "./grpo.ts";
import { registerTrainPretrain, registerTrainSft } from "./supervised.ts";

export function registerTrain(program: Command, context: CommandContext): void {
  const train = program
    .command("train")
    .summary("train a model, here or on a trainer server")
    .description(
      "Train a model: inside this process, on the processor, a dense decoder (Llama, SmolLM2, Qwen2, Qwen3); with --trainer, any model that a SkyRL server trains.",
    );
  registerTrainPretrain(train, context);
  registerTrainSft(train, context);
  registerTrainGrpo(train, context);
  registerTrainAddTags(train, context);
}
