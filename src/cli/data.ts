/** `splitreason data ...`: the commands that read, judge, count and hand on training data. */
import type { Command } from "commander";

import { registerAnnotate } from "./annotate.ts";
import { registerDataBench } from "./data-bench.ts";
import { registerDataCheck } from "./data-check.ts";
import { registerDataConvert } from "./data-convert.ts";
import { registerDataExport } from "./data-export.ts";
import { registerDataPush } from "./data-push.ts";
import { registerDataStats } from "./data-stats.ts";
import type { CommandContext } from "./program.ts";

export function registerData(program: Command, context: CommandContext): void {
  const data = program
    .command("data")
    .summary("prepare training data: annotate, check, count, export")
    .description("Prepare training data: read traces, find their hard spans, and be able to trust them.");
  registerDataConvert(data, context);
  registerAnnotate(data, context);
  registerDataCheck(data, context);
  registerDataStats(data, context);
  registerDataExport(data, context);
  registerDataPush(data, context);
  registerDataBench(data, context);
}
