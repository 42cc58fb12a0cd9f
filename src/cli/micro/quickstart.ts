/** `splitreason quickstart`: shows the shipped pair solving a problem, then measures what the split gains. */
import type { Command } from "commander";

import { given } from "../../core/given.ts";
import { duration } from "../../core/figures.ts";
import { learned } from "../../decode/index.ts";
import { MICRO_PAIR } from "../../decode/pair/pair-config.ts";
import { DEFAULT_ARMS, DEFAULT_RANDOM_CHUNK, parseArms } from "../../eval/arms/arms.ts";
import { microTask } from "../../eval/tasks/micro.ts";
import { evaluationReport } from "../eval/summary-text.ts";
import { evaluateWithProgress } from "../eval/eval.ts";
import { seedFlag, threadsFlag, wholeNumber } from "../support/flags.ts";
import type { CommandContext } from "../support/command.ts";
import { showSolution, solve } from "../serve/solve.ts";

interface QuickstartFlags {
  readonly problems: number;
  readonly seed: number;
  readonly threads?: number;
}

export function registerQuickstart(program: Command, context: CommandContext): void {
  program
    .command("quickstart")
    .summary("watch the shipped pair solve a problem, then see what it gains")
    .description(
      "Watch the shipped pair of models solve a problem together. Then compare it, on more problems, with each " +
        "model alone and with random hand-offs. It runs offline, on the processor.",
    )
    .option("--problems <n>", "problems to compare on", wholeNumber(1, 100_000), 100)
    .addOption(seedFlag("chooses the problems").default(1))
    .addOption(threadsFlag())
    .action(async (flags: QuickstartFlags) => {
      await showOneProblem(flags, context);
      await compareArms(flags, context);
      context.terminal.out(NEXT);
    });
}

async function showOneProblem({ seed, threads }: QuickstartFlags, context: CommandContext): Promise<void> {
  const { terminal } = context;
  const paint = context.paint();
  const [problem] = await microTask.problems(1, seed);
  if (problem === undefined) return;
  terminal.out(`\n${paint.bold("A problem")}\n${problem.problem}\n\n${paint.bold("Two models solve it")}\n`);
  const job = { problem: problem.problem, config: MICRO_PAIR, policy: learned(), seed, threads };
  const result = await solve(job, terminal.signal, (events, pair) => showSolution(events, pair, context));
  const { correct } = microTask.grade(result.text, problem);
  terminal.out(
    `The right answer is ${problem.gold}: ${correct ? paint.green("correct") : paint.red("wrong")}.\n`,
  );
}

async function compareArms(
  { problems, seed, threads }: QuickstartFlags,
  { terminal, paint }: CommandContext,
): Promise<void> {
  const arms = parseArms(DEFAULT_ARMS);
  terminal.out(
    `\n${paint().bold("What it gains")}\n${arms.length} arms on ${problems} problems that neither model was trained on ...\n`,
  );
  const startMs = terminal.clock.nowMs();
  const summary = await evaluateWithProgress(terminal, {
    pair: MICRO_PAIR,
    task: microTask,
    arms,
    problems,
    samples: 1,
    seed,
    concurrency: 8,
    randomChunk: DEFAULT_RANDOM_CHUNK,
    ...given({ threads }),
  });
  terminal.out(
    `... took ${duration(terminal.clock.nowMs() - startMs)}\n\n${evaluationReport(summary, paint())}`,
  );
}

const NEXT = `
small: the small model before tuning. never: after tuning, with its tags forbidden. self: it writes its own spans. learned: it hands
over where it wants to. random~learned: as many tokens, handed over at random. big: the big model alone.

Next:
  node dist/cli/main.js solve "..."          a problem of your own, of the same kind
  node dist/cli/main.js eval micro --help    more problems, other arms, rows on disk
  node dist/cli/main.js --help               everything else
`;
