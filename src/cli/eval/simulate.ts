/** `splitreason simulate FILE`: predicts how long recorded traces take on machines of other speeds. */
import { type Command, InvalidArgumentError } from "commander";

import { given } from "../../core/given.ts";
import { count, duration, percent } from "../../core/figures.ts";
import {
  type ArmForecast,
  CAUSES,
  type Cause,
  type DecoderTiming,
  type EngineProfile,
  type Forecast,
  forecast,
  MODE_MEANINGS,
  type Mode,
  type ModeForecast,
  MODES,
  type ReadTraces,
  readProfile,
  readTraces,
} from "../../latency/index.ts";
import { filledText, jsonFlag, limitFlag, wholeNumber } from "../support/flags.ts";
import { Progress } from "../support/progress.ts";
import { type CommandContext, printResult } from "../support/command.ts";
import { renderTable } from "../support/table.ts";
import { printableLine } from "../support/terminal.ts";

interface SimulateFlags {
  readonly small: string;
  readonly big: string;
  readonly pipelined?: boolean;
  readonly sequential?: boolean;
  readonly reference?: boolean;
  readonly arm?: string;
  readonly limit?: number;
  readonly chunks?: readonly number[];
  readonly prefillChunk?: number;
  readonly promptTokens: number;
  readonly recordedAs: Mode | "none";
  readonly json?: boolean;
}

export function registerSimulate(program: Command, { terminal, paint }: CommandContext): void {
  program
    .command("simulate")
    .summary("predict how long recorded traces take under other speeds")
    .description(
      "Predict how long recorded traces (rows.jsonl of eval --out, rollouts.jsonl of train grpo) take under two profiles, and where the time goes. " +
        "Each request has both machines for itself. Without a mode, all modes are compared.",
    )
    .argument("<file>", "JSON Lines with segments", filledText)
    .requiredOption(
      "--small <profile>",
      "the small model's profile, a JSON file (see splitreason profile)",
      filledText,
    )
    .requiredOption("--big <profile>", "the big model's profile", filledText)
    .option("--pipelined", "only this mode: each prefill runs while the other model decodes")
    .option("--sequential", "only this mode: no streaming prefill, chunks of 64")
    .option("--reference", "only this mode: the reference implementation's procedure")
    .option("--arm <name>", "only traces of this arm", filledText)
    .addOption(limitFlag("read at most so many traces"))
    .option(
      "--chunks <n,n>",
      "sizes of the chunks that the small model reads of the big one; the last size repeats (default: 8,16,32,64)",
      sizes,
    )
    .option(
      "--prefill-chunk <n>",
      "size of the chunks that the other model reads along (default: 64)",
      wholeNumber(1, 1_000_000),
    )
    .option(
      "--prompt-tokens <n>",
      "prompt tokens of a trace that does not record them",
      wholeNumber(0, 10_000_000),
      0,
    )
    .option(
      "--recorded-as <mode>",
      `the mode in which the traces were recorded, to compare with their times: ${MODES.join(", ")} or none`,
      modeName,
      "pipelined",
    )
    .addOption(jsonFlag())
    .addHelpText("after", HELP)
    .action(async (file: string, flags: SimulateFlags) => {
      const [small, big, read] = [
        await readProfile(flags.small),
        await readProfile(flags.big),
        await readTraces(file, { arm: flags.arm, limit: flags.limit }),
      ];
      const progress = new Progress(terminal, "traces");
      progress.start(0);
      let done = 0;
      const timing = timingFrom(flags);
      try {
        const found = forecast(
          read.traces,
          {
            small,
            big,
            modes: modesFrom(flags),
            timing,
            promptTokens: flags.promptTokens,
            recordedAs: flags.recordedAs === "none" ? undefined : flags.recordedAs,
          },
          () => {
            terminal.signal.throwIfAborted();
            progress.update(++done, read.traces.length);
          },
        );
        progress.end();
        noteLimits(read, found);
        const document = documentOf(file, { small, big }, timing, read, found);
        printResult(terminal, flags, document, () => report(found, { small, big }));
      } finally {
        progress.end();
      }
    });

  function noteLimits({ failed, beyondLimit }: ReadTraces, { beyondProfile }: Forecast): void {
    if (failed > 0) terminal.log(`left out: ${count(failed)} traces that failed or lost the big model\n`);
    if (beyondLimit > 0) terminal.log(`left out by --limit: ${count(beyondLimit)} traces\n`);
    for (const role of ["small", "big"] as const) {
      if (beyondProfile[role] === 0) continue;
      terminal.log(
        `note: ${count(beyondProfile[role])} tokens stand after a longer context than the ${role} model's profile has; its last speed is taken for them\n`,
      );
    }
  }

  function report({ arms }: Forecast, { small, big }: Record<"small" | "big", EngineProfile>): string {
    const models = `small ${printableLine(small.model)}, big ${printableLine(big.model)}; seconds a trace, mean\n`;
    return models + arms.map((arm) => `\n${armReport(arm)}`).join("");
  }

  function armReport(arm: ArmForecast): string {
    const { traces, smallTokens, bigTokens, modes } = arm;
    const tokens = smallTokens + bigTokens;
    const title =
      `${arm.arm === undefined ? "" : `${printableLine(arm.arm)}: `}${count(traces)} traces, ${count(tokens / traces)} tokens each, ` +
      `${percent(tokens === 0 ? 0 : bigTokens / tokens)} by the big model; the ideal, decode times alone, ${duration((1000 * arm.idealSeconds) / traces)}`;
    const bigAlone = modes.find(({ mode }) => mode === "big-alone")?.seconds;
    const own = (seconds: number): string => secondsText(seconds / traces);
    const table = renderTable<ModeForecast>(
      [
        { title: "mode", cell: ({ mode }) => mode },
        { title: "total", cell: ({ seconds }) => own(seconds), align: "right" },
        { title: "/ ideal", cell: ({ seconds }) => (seconds / arm.idealSeconds).toFixed(2), align: "right" },
        ...(bigAlone === undefined
          ? []
          : [
              {
                title: "big alone /",
                cell: ({ seconds }: ModeForecast) => (bigAlone / seconds).toFixed(2),
                align: "right" as const,
              },
            ]),
        {
          title: "first token",
          cell: ({ firstTokenSeconds }) =>
            firstTokenSeconds === undefined ? "" : secondsText(firstTokenSeconds),
          align: "right",
        },
        {
          title: "hand-off",
          cell: ({ handoffSeconds }) => (handoffSeconds === undefined ? "" : secondsText(handoffSeconds)),
          align: "right",
        },
        ...CAUSES.map((cause) => ({
          title: CAUSE_TITLES[cause],
          cell: ({ secondsByCause }: ModeForecast) => own(secondsByCause[cause]),
          align: "right" as const,
        })),
        {
          title: "wasted tokens",
          cell: ({ discardedTokens }) => count(discardedTokens / traces),
          align: "right",
        },
      ],
      modes,
      paint().bold,
    );
    return `${title}\n${table}${modes.map(measuredText).join("")}`;
  }
}

function measuredText({ mode, measured }: ModeForecast): string {
  if (measured === undefined) return "";
  const { traces, measuredSeconds, predictedSeconds, totalError, medianError } = measured;
  return (
    `measured: ${duration(1000 * measuredSeconds)} for ${count(traces)} traces, ${mode} predicted ${duration(1000 * predictedSeconds)} ` +
    `(${totalError < 0 ? "-" : "+"}${percent(Math.abs(totalError))}; of one trace, median error ${percent(medianError)})\n`
  );
}

const CAUSE_TITLES: Readonly<Record<Cause, string>> = {
  smallDecode: "small decodes",
  bigDecode: "big decodes",
  promptPrefill: "prompt",
  handoffPrefill: "hand-off reads",
  controlPrefill: "small reads along",
  overhead: "calls",
};

const secondsText = (seconds: number): string => {
  if (seconds === 0) return "0";
  return seconds >= 100 ? seconds.toFixed(0) : seconds.toPrecision(3);
};

function modesFrom({ pipelined, sequential, reference }: SimulateFlags): Mode[] {
  const chosen: Mode[] = [
    ...(pipelined === true ? (["pipelined"] as const) : []),
    ...(sequential === true ? (["sequential"] as const) : []),
    ...(reference === true ? (["reference"] as const) : []),
  ];
  return chosen.length === 0 ? [...MODES] : chosen;
}

const timingFrom = ({ chunks, prefillChunk }: SimulateFlags): Partial<DecoderTiming> => ({
  ...given({ chunks, prefillChunk }),
});

function documentOf(
  file: string,
  profiles: Record<"small" | "big", EngineProfile>,
  timing: Partial<DecoderTiming>,
  { traces, total, failed, beyondLimit }: ReadTraces,
  { arms, beyondProfile }: Forecast,
): unknown {
  return {
    file,
    traces: { inFile: total, simulated: traces.length, failed, beyondLimit },
    profiles,
    timing,
    arms,
    tokensBeyondProfile: beyondProfile,
  };
}

function sizes(text: string): number[] {
  const values = text.split(",").map(Number);
  if (values.every((value) => Number.isInteger(value) && value >= 1 && value <= 1_000_000)) return values;
  throw new InvalidArgumentError("It must be whole numbers of at least 1, separated by commas.");
}

function modeName(text: string): Mode | "none" {
  const found = [...MODES, "none" as const].find((mode) => mode === text);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`It must be one of ${MODES.join(", ")}, none.`);
}

const HELP = `
Modes:
${MODES.map((mode) => `  ${mode.padEnd(18)} ${MODE_MEANINGS[mode]}`).join("\n")}

Where traces hold their times, these stand beside the prediction. Compare them only for samples that ran one at a time (eval --concurrency 1) on the
machine of the profiles.

Examples:
  splitreason eval micro --problems 50 --concurrency 1 --threads 1 --out runs/timed
  splitreason profile micro:small --beside micro:big --out small.json && splitreason profile micro:big --beside micro:small --out big.json
  splitreason simulate runs/timed/rows.jsonl --small small.json --big big.json
  echo '{"prefill": 28721, "decode": 145}' > 1.5b.json && echo '{"prefill": 3045, "decode": 16.4}' > 32b.json
  splitreason simulate runs/timed/rows.jsonl --small 1.5b.json --big 32b.json --arm learned --json
`;
