/** `splitreason solve PROBLEM`: the pair solves one problem, printed as it is written. */
import type { Command } from "commander";

import { given } from "../../core/given.ts";
import { ConfigError, EngineError, SplitReasonError } from "../../core/errors.ts";
import { collect, type Policy, type SplitEvent, SplitDecoder, type SplitResult } from "../../decode/index.ts";
import { Pair } from "../../decode/pair/pair.ts";
import { bytesOf, contextNeed, contextOptions } from "../../decode/pair/context-need.ts";
import { decodingOptions, type PairConfig } from "../../decode/pair/pair-config.ts";
import { gradedPart } from "../../eval/graders/cut.ts";
import { lastBoxed } from "../../eval/graders/boxed.ts";
import {
  addPairFlags,
  addPolicyFlags,
  type PairFlags,
  POLICY_LIST,
  type PolicyFlags,
} from "../support/flags.ts";
import { type CommandContext, jsonText } from "../support/command.ts";
import { pairConfigFrom, policyFrom, withWantedShare } from "../support/settings.ts";
import { printable, type Terminal } from "../support/terminal.ts";
import { figures, TraceView } from "./trace-view.ts";

type SolveFlags = PairFlags & PolicyFlags;

export function registerSolve(program: Command, context: CommandContext): void {
  const command = program
    .command("solve")
    .summary("solve one problem, each token in its author's colour")
    .description(
      "Solve one problem with the pair. Each token is printed in the colour of the model that wrote it; without " +
        "colours the big model's words stand between «marks». Then come the answer and its cost in tokens and time.",
    )
    .argument("[problem]", "the problem; without it, or with -, it is read from standard input");
  addPolicyFlags(addPairFlags(command))
    .addHelpText("after", HELP)
    .action(async (argument: string | undefined, flags: SolveFlags) => {
      const { terminal } = context;
      const problem = await readProblem(argument, terminal);
      const config = await withWantedShare(await pairConfigFrom(flags), flags);
      const policy = policyFrom(flags, config);
      const { seed, threads, context: contextTokens } = flags;
      const job: SolveJob = { problem, config, policy, seed, threads, context: contextTokens };
      if (flags.json === true) {
        const result = await solve(job, terminal.signal, (events) => collect(events));
        terminal.out(jsonText(solveDocument(job, result)));
        return;
      }
      await solve(job, terminal.signal, (events, pair) => showSolution(events, pair, context));
    });
}

export interface SolveJob {
  readonly problem: string;
  readonly config: PairConfig;
  readonly policy: Policy;
  readonly seed: number;
  readonly threads?: number | undefined;
  /** Tokens of context. Default: what the problem and the longest output need. */
  readonly context?: number | undefined;
}

/** Opens the pair, decodes, and closes it. @throws EngineError when the result of `consume` is a failure. */
export async function solve(
  { problem, config, policy, seed, threads, context }: SolveJob,
  signal: AbortSignal,
  consume: (events: AsyncIterable<SplitEvent>, pair: Pair) => Promise<SplitResult>,
): Promise<SplitResult> {
  const messages = [{ role: "user", content: problem }] as const;
  await using pair = await Pair.open(
    config,
    {
      sequences: 1,
      ...contextOptions(context, contextNeed(config, bytesOf(messages))),
      ...given({ threads }),
      ...(policy.uses === "small" ? { without: "big" } : {}),
    },
    signal,
  );
  const { temperature, topP } = config.sampling;
  const events = new SplitDecoder(pair).decode({
    ...pair.render(messages),
    policy,
    limits: { maxTokens: config.maxTokens },
    sampling: { temperature, seed, ...given({ topP }) },
    dial: config.dial,
    options: decodingOptions(config),
    signal,
  });
  const result = await consume(events, pair);
  if (result.finishReason === "aborted") {
    signal.throwIfAborted();
    throw new SplitReasonError("stopped.", { code: "aborted" });
  }
  if (result.finishReason === "error") {
    throw new EngineError(result.message ?? "the model failed without saying why.", {
      code: result.code ?? "engine-failed",
    });
  }
  return result;
}

/** Prints a solution as it is written: legend, trace, answer, figures. */
export async function showSolution(
  events: AsyncIterable<SplitEvent>,
  pair: Pair,
  { terminal, paint }: CommandContext,
): Promise<SplitResult> {
  const view = new TraceView((text) => terminal.out(text), paint());
  let begun = false;
  const show = (event: SplitEvent): void => {
    // A request that fails before its first event prints no legend.
    if (!begun) view.legend({ small: pair.small.model, big: pair.big?.model ?? "not loaded" });
    begun = true;
    view.push(event);
  };
  const result = await collect(watch(events, show));
  if (result.finishReason === "aborted" || result.finishReason === "error") return result;
  const answer = answerOf(result);
  terminal.out(`answer: ${answer === null ? "none" : paint().bold(printable(answer))}${endNote(result)}\n`);
  terminal.out(`${paint().dim(figures(result.usage, result.timing))}\n`);
  const note = budgetNote(result);
  if (note !== undefined) terminal.out(`${paint().yellow(note)}\n`);
  return result;
}

async function* watch(
  events: AsyncIterable<SplitEvent>,
  see: (event: SplitEvent) => void,
): AsyncGenerator<SplitEvent, void, undefined> {
  for await (const event of events) {
    see(event);
    yield event;
  }
}

/** The boxed answer; null without one, also where the limit of tokens cut the text within its last box. */
function answerOf({ text, finishReason }: SplitResult): string | null {
  const part = gradedPart(text, finishReason);
  return part === null ? null : lastBoxed(part);
}

function endNote({ finishReason }: SplitResult): string {
  if (finishReason === "length") return " (length: stopped at the limit of tokens, --max-tokens raises it)";
  if (finishReason === "context-full") return " (stopped: the context is full)";
  return "";
}

/** Says that the budget kept help away, or cut it short: the answer may be wrong for it. */
function budgetNote({ usage, segments, budgetRefusals }: SplitResult): string | undefined {
  const cut = segments.filter(({ author, end }) => author === "big" && end === "budget").length;
  const requests = usage.switches + budgetRefusals;
  const notes = [
    ...(budgetRefusals > 0 ? [`refused ${budgetRefusals} of ${count(requests, "request")}`] : []),
    ...(cut > 0 ? [`cut ${cut} of ${count(usage.switches, "span")} short`] : []),
  ];
  return notes.length === 0
    ? undefined
    : `the budget ${notes.join(" and ")}; a larger --budget gives more help`;
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`;

async function readProblem(argument: string | undefined, terminal: Terminal): Promise<string> {
  const text = argument === undefined || argument === "-" ? await terminal.readInput() : argument;
  if (text !== undefined && text.trim() !== "") return text.trim();
  throw new ConfigError(
    'the problem is empty: give it as an argument, splitreason solve "...", or on standard input.',
    { code: "usage" },
  );
}

/** The document of `--json`. */
function solveDocument({ problem, policy, seed }: SolveJob, result: SplitResult): Record<string, unknown> {
  const { totalMs, firstTokenMs, handoffsMs } = result.timing;
  const handoffs = handoffsMs.length;
  return {
    problem,
    answer: answerOf(result),
    text: result.text,
    segments: result.segments.map(({ author, text, tokens, reason }) => ({ author, text, tokens, reason })),
    usage: result.usage,
    timing: {
      totalMs,
      firstTokenMs: firstTokenMs ?? null,
      handoffMs:
        handoffs === 0
          ? null
          : {
              mean: handoffsMs.reduce((sum, value) => sum + value, 0) / handoffs,
              max: Math.max(...handoffsMs),
            },
    },
    finishReason: result.finishReason,
    degraded: result.degraded,
    budgetRefusals: result.budgetRefusals,
    policy: policy.name,
    seed,
  };
}

const HELP = `
${POLICY_LIST}

Examples:
  splitreason solve "Start with 347. First, add 85. Second, multiply the last two digits by 63. What is the result modulo 1000?"
  echo "..." | splitreason solve --json | jq .usage.offloadShare
  splitreason solve "..." --policy random --share 0.1 --temperature 0.6 --seed 7
  splitreason solve "..." --bias 2          hand over more than the model would by itself
  splitreason solve "..." --budget 0.05     let the big model write at most 5% of the tokens, in whole spans
  splitreason solve "..." --policy always   the big model alone
  splitreason solve "..." --policy step-score:threshold=6     the big model redoes steps that score low
  splitreason solve "..." --policy cue:cues=wait/hmm:tokens=8         the big model writes 8 tokens after "wait" or "hmm"
`;
