/** `splitreason micro ...`: the commands that make the pair that ships with the project. */
import type { Command } from "commander";

import type { CommandContext } from "../support/command.ts";
import { registerMicroBuild } from "./build.ts";
import { registerMicroLearn } from "./learn.ts";

export function registerMicro(program: Command, context: CommandContext): void {
  const micro = program
    .command("micro")
    .summary("the micro domain and the pair that ships with the project")
    .description(
      "The micro domain: an AIME in miniature, and the pair of models for it that ships with the project.",
    );
  registerMicroBuild(micro, context);
  registerMicroLearn(micro, context);
}
