/** `splitreason calibrate`: the bias for a wanted share, and what accuracy each share has. */
import type { Command } from "commander";

import { ConfigError } from "../core/errors.ts";
import { type Calibration, CALIBRATION_FILE } from "../decode/calibration.ts";
import { calibrationPath, writeCalibration } from "../decode/calibration-file.ts";
import { modelFileDigest } from "../engines/open-engine.ts";
import { calibrate } from "../eval/calibrate.ts";
import { TASKS, taskByName } from "../eval/tasks/index.ts";
import { addPairFlags, filledText, type PairFlags, realNumber, wholeNumber } from "./flags.ts";
import { Progress } from "./progress.ts";
import type { CommandContext } from "./program.ts";
import { pairConfigFrom } from "./settings.ts";
import { percent, renderTable } from "./table.ts";

interface CalibrateFlags extends PairFlags {
  readonly targetShare: number;
  readonly task: string;
  readonly problems: number;
  readonly concurrency: number;
  readonly out?: string;
}

export function registerCalibrate(program: Command, { terminal }: CommandContext): void {
  const command = program
    .command("calibrate")
    .summary("find the bias for a wanted share of the big model")
    .description(
      "Measure, on held-out problems, which share of the tokens the big model writes at several biases, and how often the answer is right. " +
        `The table is written beside the small model (${CALIBRATION_FILE}); solve, serve and eval then take --share.`,
    )
    .requiredOption("--target-share <share>", "the share that is wanted, e.g. 0.03", realNumber(0.0001, 1))
    .option("--task <name>", `one of: ${TASKS.map(({ name }) => name).join(", ")}`, filledText, "micro")
    .option("--problems <n>", "held-out problems for each bias", wholeNumber(10, 1_000_000), 200)
    .option("--concurrency <n>", "samples in flight", wholeNumber(1, 1024), 8)
    .option("--out <file>", "write the table here instead", filledText);
  addPairFlags(command)
    .addHelpText("after", HELP)
    .action(async (flags: CalibrateFlags) => {
      const { targetShare, problems, concurrency, threads, seed } = flags;
      const pair = await pairConfigFrom(flags);
      const task = taskByName(flags.task);
      const path = flags.out ?? calibrationPath(pair.small);
      if (path === undefined) {
        throw new ConfigError(
          `${pair.small} is not on this machine: say where the table goes with --out FILE.`,
          {
            code: "usage",
          },
        );
      }
      const progress = new Progress(terminal, "biases");
      const { points, chosen, git } = await calibrate(
        {
          pair,
          task,
          targetShare,
          problems,
          concurrency,
          seed,
          ...(threads === undefined ? {} : { threads }),
        },
        {
          clock: terminal.clock,
          signal: terminal.signal,
          onPoint: ({ bias, share, accuracy }) => {
            progress.end();
            terminal.log(`bias ${bias.toFixed(2)}: share ${percent(share)}, right ${percent(accuracy)}\n`);
          },
        },
      );
      const described = async (spec: string) => {
        const digest = await modelFileDigest(spec);
        return digest === undefined ? { spec } : { spec, digest };
      };
      const calibration: Calibration = {
        format: "splitreason-calibration-1",
        small: await described(pair.small),
        big: await described(pair.big),
        task: { name: task.name, version: task.version, problems },
        seed,
        temperature: pair.sampling.temperature,
        git,
        points,
      };
      await writeCalibration(path, calibration);
      if (flags.json === true) {
        terminal.out(`${JSON.stringify({ ...calibration, chosen, targetShare, out: path }, null, 2)}\n`);
        return;
      }
      const listed = renderTable(
        [
          { title: "bias", cell: ({ bias }) => bias.toFixed(2), align: "right" },
          { title: "share", cell: ({ share }) => percent(share), align: "right" },
          { title: "right", cell: ({ accuracy }) => percent(accuracy), align: "right" },
          { title: "95% interval", cell: ({ ci95: [low, high] }) => `${percent(low)} to ${percent(high)}` },
        ],
        points,
      );
      terminal.out(
        `${listed}\n` +
          `--share ${targetShare} is a bias of ${chosen.bias.toFixed(2)}: ${percent(chosen.share)} of the tokens, ${percent(chosen.accuracy)} right\n` +
          `written to ${path}\n`,
      );
    });
}

const HELP = `
Example:
  splitreason calibrate --target-share 0.03 --small gguf:runs/grpo/best/model.gguf
  splitreason solve "..." --small gguf:runs/grpo/best/model.gguf --share 0.03
`;
