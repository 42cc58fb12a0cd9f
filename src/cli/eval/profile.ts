/** `splitreason profile SPEC`: measures how fast an engine reads and writes, for `simulate`. */
import { type Command, InvalidArgumentError } from "commander";

import { given } from "../../core/given.ts";
import { count } from "../../core/figures.ts";
import { writeFileAtomic } from "../../core/files.ts";
import { DIALECTS } from "../../engines/http/http-spec.ts";
import {
  DEFAULT_MEASURE,
  type EngineProfileInput,
  profileEngine,
  type ProfileSettings,
  QUICK_MEASURE,
} from "../../latency/index.ts";
import {
  filledText,
  jsonFlag,
  seedFlag,
  temperatureFlag,
  threadsFlag,
  wholeNumber,
} from "../support/flags.ts";
import { Progress } from "../support/progress.ts";
import { type CommandContext, jsonText, printResult } from "../support/command.ts";
import { renderTable } from "../support/table.ts";

interface ProfileFlags {
  readonly out?: string;
  readonly contexts?: readonly number[];
  readonly contextSize?: number;
  readonly rounds?: number;
  readonly seconds?: number;
  readonly quick?: boolean;
  readonly fastest?: boolean;
  readonly beside?: string;
  readonly temperature: number;
  readonly threads?: number;
  readonly seed: number;
  readonly json?: boolean;
}

export function registerProfile(program: Command, { terminal, paint }: CommandContext): void {
  program
    .command("profile")
    .summary("measure how fast an engine reads and writes")
    .description(
      "Measure how fast an engine prefills, decodes and does controlling prefill at several lengths of context, one sequence at a time, and the fixed cost of a call. " +
        "The profile is JSON for `simulate`.",
    )
    .argument(
      "<spec>",
      `an engine: micro:small, gguf:PATH, or openai:http://HOST:PORT/v1#MODEL?dialect=${DIALECTS}`,
      filledText,
    )
    .option("--out <file>", "write the profile here", filledText)
    .option(
      "--contexts <n,n>",
      "lengths of context, in tokens (default: those of 64, 256, 1024, 4096, 16384 that fit)",
      lengths,
    )
    .option("--context-size <tokens>", "tokens that a sequence holds", wholeNumber(64, 10_000_000))
    .option(
      "--rounds <n>",
      `how often everything is timed (default ${DEFAULT_MEASURE.rounds}, with --quick ${QUICK_MEASURE.rounds})`,
      wholeNumber(1, 10_000),
    )
    .option(
      "--seconds <n>",
      `start no context that would end later (default ${DEFAULT_MEASURE.maxSeconds}, with --quick ${QUICK_MEASURE.maxSeconds})`,
      wholeNumber(1, 86_400),
    )
    .option("--quick", "fewer and shorter timings")
    .option(
      "--fastest",
      "take the fastest of the rounds, not the median: for a machine that is busy with other things",
    )
    .option(
      "--beside <spec>",
      "also measure how much slower it is while this engine works on the same machine",
      filledText,
    )
    .addOption(
      temperatureFlag("sampling temperature to measure at; sampling above 0 can be slower").default(0),
    )
    .addOption(threadsFlag())
    .addOption(seedFlag("seed of the text that is read").default(1))
    .addOption(jsonFlag("print the profile on standard output, and nothing else there"))
    .addHelpText("after", HELP)
    .action(async (spec: string, flags: ProfileFlags) => {
      const progress = new Progress(terminal, "timings");
      const settings = settingsFrom(spec, flags);
      try {
        progress.start(0);
        const { document, leftOut } = await profileEngine(settings, {
          clock: terminal.clock,
          signal: terminal.signal,
          onVisit: (done, total, contextTokens) =>
            progress.update(done, total, `context ${count(contextTokens)}`),
          onBeside: () => progress.show(`beside ${flags.beside}`),
        });
        progress.end();
        if (leftOut.length > 0) {
          terminal.log(
            `left out, since they would not end within ${settings.maxSeconds} s: contexts of ${leftOut.map(count).join(", ")} tokens; --seconds allows more\n`,
          );
        }
        if (flags.out !== undefined) await writeFileAtomic(flags.out, jsonText(document));
        printResult(terminal, flags, document, () => report(document));
        if (flags.out !== undefined) terminal.log(`written to ${flags.out}\n`);
      } finally {
        progress.end();
      }
    });

  function report(document: EngineProfileInput): string {
    const rows = (["prefill", "decode", "score"] as const).flatMap((kind) => {
      const speeds = document[kind];
      return Array.isArray(speeds) ? speeds.map((point) => ({ kind, point })) : [];
    });
    const { openMs = 0, prefillCallMs = 0, generateCallMs = 0, scoreCallMs = 0 } = document.overhead ?? {};
    const table = renderTable(
      [
        { title: "", cell: ({ kind }: (typeof rows)[number]) => KINDS[kind] },
        { title: "context", cell: ({ point }) => count(point.contextTokens), align: "right" },
        { title: "tokens/s", cell: ({ point }) => speedText(point.tokensPerSecond), align: "right" },
        {
          title: "95% interval",
          cell: ({ point: { ci95 } }) =>
            ci95 === undefined ? "" : `${speedText(ci95[0])} to ${speedText(ci95[1])}`,
        },
      ],
      rows,
      paint().bold,
    );
    const ms = (value: number): string => `${Number(value.toPrecision(3))} ms`;
    const beside =
      document.beside?.with === undefined
        ? ""
        : `while ${document.beside.with} works: decoding takes ${document.beside.decode} times as long, prefill ${document.beside.prefill} times\n`;
    return (
      `${table}\na call costs besides: prefill ${ms(prefillCallMs)}, to begin decoding ${ms(generateCallMs)}, ` +
      `controlling prefill ${ms(scoreCallMs)}; opening and closing a sequence ${ms(openMs)}\n${beside}`
    );
  }
}

const KINDS = { prefill: "prefill", decode: "decode", score: "controlling prefill" } as const;

const speedText = (speed: number): string => (speed >= 100 ? count(speed) : speed.toPrecision(3));

function settingsFrom(spec: string, flags: ProfileFlags): ProfileSettings {
  const base = flags.quick === true ? QUICK_MEASURE : DEFAULT_MEASURE;
  const { contexts, beside, threads, contextSize, temperature, seed } = flags;
  return {
    ...base,
    spec,
    temperature,
    seed,
    rounds: flags.rounds ?? base.rounds,
    maxSeconds: flags.seconds ?? base.maxSeconds,
    typical: flags.fastest === true ? "fastest" : "median",
    ...given({ contexts, beside, threads, contextSize }),
  };
}

function lengths(text: string): number[] {
  const values = text.split(",").map(Number);
  if (values.every((value) => Number.isInteger(value) && value >= 1 && value <= 10_000_000)) {
    return [...new Set(values)].sort((left, right) => left - right);
  }
  throw new InvalidArgumentError("It must be whole numbers of at least 1, separated by commas.");
}

const HELP = `
You can also write a profile by hand from another server's numbers, e.g. {"prefill": 3045, "decode": 16.4} (docs/latency.md has all fields).

Examples:
  splitreason profile micro:small --out small.json
  splitreason profile micro:small --beside micro:big --out small.json
  splitreason profile 'openai:http://HOST:8001/v1#big?dialect=vllm&template=deepseek-r1' --contexts 1024,4096,16384 --seconds 600 --out big.json
  splitreason profile gguf:slow.gguf --quick --json
`;
