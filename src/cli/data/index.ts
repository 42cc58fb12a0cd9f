/** `splitreason data ...`: the commands that read, check, count and export training data. */
import type { Command } from "commander";

import { registerAnnotate } from "./annotate.ts";
import { registerDataBench } from "./bench.ts";
import { registerDataCheck } from "./check.ts";
import { registerDataConvert } from "./convert.ts";
import { registerDataExport } from "./export.ts";
import { registerDataPush } from "./push.ts";
import { registerRollouts } from "./rollouts.ts";
import { registerDataStats } from "./stats.ts";
import type { CommandContext } from "../support/command.ts";

export function registerData(program: Command, context: CommandContext): void {
  const data = program
    .command("data")
    .summary("prepare training data: annotate, check, count, export")
    .description(
      "Prepare training data: read traces, find their hard spans, check and count them, and export them.",
    );
  registerDataConvert(data, context);
  registerAnnotate(data, context);
  registerRollouts(data, context);
  registerDataCheck(data, context);
  registerDataStats(data, context);
  registerDataExport(data, context);
  registerDataPush(data, context);
  registerDataBench(data, context);
}
