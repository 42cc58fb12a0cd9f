/**
 * `splitreason calibrate`: measures the share and accuracy at settings of the dial, and finds the setting for a wanted share.
 */
import { rm } from "node:fs/promises";

import type { Command } from "commander";

import { given } from "../../core/given.ts";
import { count, duration, percent } from "../../core/figures.ts";
import { ConfigError, SplitReasonError } from "../../core/errors.ts";
import { CALIBRATION_FILE, type CalibrationPoint, type ShareDial } from "../../decode/dial/calibration.ts";
import { calibrationPath, writeCalibration } from "../../decode/pair/calibration-file.ts";
import type { PairConfig } from "../../decode/pair/pair-config.ts";
import { calibrate, type CalibrationResult } from "../../eval/calibrate/calibrate.ts";
import { calibrationTable } from "../../eval/calibrate/table.ts";
import type { Task } from "../../eval/tasks/task.ts";
import {
  addPairFlags,
  concurrencyFlag,
  filledText,
  type PairFlags,
  realNumber,
  wholeNumber,
} from "../support/flags.ts";
import { Progress } from "../support/progress.ts";
import { type CommandContext, printResult } from "../support/command.ts";
import { pairConfigFrom } from "../support/settings.ts";
import { renderTable } from "../support/table.ts";
import { hubRows } from "../support/hub-rows.ts";
import type { Terminal } from "../support/terminal.ts";

interface CalibrateFlags extends PairFlags {
  readonly targetShare?: number;
  readonly task: string;
  readonly problems?: number;
  readonly concurrency: number;
  readonly out?: string;
}

export function registerCalibrate(program: Command, { terminal }: CommandContext): void {
  const command = program
    .command("calibrate")
    .summary("measure the dial, and find its setting for a wanted share")
    .description(
      "Measure on held-out problems which share of the tokens the big model writes at several biases, and how often the answer is right. " +
        "Where the share jumps past the wanted one, requests are refused at random instead. " +
        `The table goes beside the small model (${CALIBRATION_FILE}); solve, serve and eval then take --share. ` +
        "For a small model on a server, write the table with --out and name it with --calibration.",
    )
    .option(
      "--target-share <share>",
      "also find the setting for this share, e.g. 0.03",
      realNumber(0.0001, 1),
    )
    .option(
      "--task <task>",
      "a task as in eval: NAME, NAME:FILE.jsonl for a file of its problems, or FILE.jsonl",
      filledText,
      "micro",
    )
    .option(
      "--problems <n>",
      "held-out problems for each setting (default: 300, or all problems of a smaller task)",
      wholeNumber(10, 1_000_000),
    )
    .addOption(concurrencyFlag("samples that run at the same time").default(16))
    .option("--out <file>", "write the table here instead, to be given to --calibration", filledText);
  addPairFlags(command)
    .addHelpText("after", HELP)
    .action((flags: CalibrateFlags) => runCalibrate(terminal, flags));
}

async function runCalibrate(terminal: Terminal, flags: CalibrateFlags): Promise<void> {
  const pair = await pairConfigFrom(flags);
  if (flags.bias !== undefined) {
    throw new ConfigError(`--bias ${flags.bias}: the bias is what calibrate finds; leave it out.`, {
      code: "usage",
    });
  }
  const path = flags.out ?? pair.calibration ?? calibrationPath(pair.small);
  if (path === undefined) {
    throw new ConfigError(`${pair.small} is not on this machine: say where the table goes with --out FILE.`, {
      code: "usage",
    });
  }
  // Loaded here: the graders' parser is slow to load.
  const { openTask } = await import("../../eval/tasks/open.ts");
  const task = await openTask(flags.task, {
    signal: terminal.signal,
    fetchRows: hubRows(terminal),
    checkAnswers: true,
  });
  const problems = flags.problems ?? Math.min(DEFAULT_PROBLEMS, task.size ?? DEFAULT_PROBLEMS);
  const result = await measure(terminal, flags, { pair, task, problems, path });
  const { points, chosen } = result;
  const calibration = await calibrationTable({ pair, task, problems, seed: flags.seed }, result);
  await writeCalibration(path, calibration);
  await rm(result.samples, { recursive: true, force: true });
  const wanted = chosen === undefined ? {} : { chosen, targetShare: flags.targetShare };
  const found =
    chosen === undefined
      ? ""
      : `--share ${flags.targetShare} is a ${settingText(chosen)}: ${percent(chosen.share)} of the tokens, ${percent(chosen.accuracy)} right\n`;
  printResult(
    terminal,
    flags,
    { ...calibration, ...wanted, out: path },
    () => `${curve(points)}\n${found}written to ${path}\n`,
  );
}

const DEFAULT_PROBLEMS = 300;

interface Measured {
  readonly pair: PairConfig;
  readonly task: Task;
  readonly problems: number;
}

async function measure(
  terminal: Terminal,
  { targetShare, concurrency, threads, context, seed }: CalibrateFlags,
  { path, ...measured }: Measured & { readonly path: string },
): Promise<CalibrationResult> {
  const progress = new Progress(terminal, "samples");
  let [kept, solved] = [0, 0];
  let startMs: number | undefined;
  try {
    return await calibrate(
      {
        ...measured,
        concurrency,
        seed,
        partial: path,
        ...given({ threads, context, targetShare }),
      },
      {
        clock: terminal.clock,
        signal: terminal.signal,
        onStart: (earlier) => {
          kept = earlier;
          if (kept > 0) terminal.log(`continuing: ${count(kept)} samples were solved before\n`);
        },
        onSample: ({ dial, done, total, left }, isNew) => {
          startMs ??= terminal.clock.nowMs();
          if (!isNew) {
            progress.about(`${settingText(dial)}: ${count(done)} of ${count(total)} samples`);
            return;
          }
          solved++;
          const perSampleMs = (terminal.clock.nowMs() - startMs) / solved;
          const leftMs = perSampleMs * (total - done + left * total);
          progress.show(
            `${settingText(dial)}: ${count(done)} of ${count(total)} samples, about ${duration(leftMs)} left in all`,
          );
        },
        onTokens: (written) => progress.tokens(written),
        onPoint: (point) => {
          progress.end();
          terminal.log(
            `${settingText(point)}: share ${percent(point.share)}, right ${percent(point.accuracy)}\n`,
          );
        },
      },
    );
  } catch (error) {
    if (!terminal.signal.aborted) throw error;
    throw new SplitReasonError(
      `stopped; ${count(kept + solved)} samples are kept, and the same command continues from there.`,
      { code: "aborted", cause: error },
    );
  } finally {
    progress.end();
  }
}

const settingText = ({ bias, reject }: ShareDial): string =>
  `bias of ${bias.toFixed(2)}${reject === 0 ? "" : `, ${percent(reject)} refused`}`;

function curve(points: readonly CalibrationPoint[]): string {
  const interval = ([low, high]: readonly [number, number]): string => `${percent(low)} to ${percent(high)}`;
  return renderTable(
    [
      { title: "bias", cell: ({ bias }) => bias.toFixed(2), align: "right" },
      { title: "refused", cell: ({ reject }) => percent(reject), align: "right" },
      { title: "share", cell: ({ share }) => percent(share), align: "right" },
      { title: "95% interval", cell: ({ shareCi95 }) => interval(shareCi95) },
      { title: "right", cell: ({ accuracy }) => percent(accuracy), align: "right" },
      { title: "95% interval", cell: ({ ci95 }) => interval(ci95) },
    ],
    points,
  );
}

const HELP = `
Examples:
  splitreason calibrate
  splitreason calibrate --target-share 0.03 --small gguf:runs/grpo/best/model.gguf
  splitreason solve "..." --small gguf:runs/grpo/best/model.gguf --share 0.03
  splitreason calibrate --task gsm8k:held-out.jsonl --pair my-pair.json --out calibration.json

A file has one line {"problem", "answer"} for each problem. Do not calibrate on the problems that you report on: eval reads the same ones of a file.
To use a table that lies elsewhere, give --calibration FILE or set "calibration" in a pair file.
After Ctrl-C, the same command continues. The same models, problems and seed give the same table.
`;
