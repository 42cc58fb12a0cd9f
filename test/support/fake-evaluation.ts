/** An evaluation without models: outcomes that depend on the arm and the seed only. */
import { createRng } from "../../src/core/rng.ts";
import { parseArms } from "../../src/eval/arms/arms.ts";
import type { EvaluationPlan, RunOptions, SampleOutcome, SampleRequest } from "../../src/eval/run/runner.ts";
import { microTask } from "../../src/eval/tasks/micro.ts";

export const makePlan = async (arms: string, problems: number, samples = 1): Promise<EvaluationPlan> => ({
  task: microTask,
  arms: parseArms(arms),
  problems: await microTask.problems(problems, 7),
  samples,
  seed: 7,
});

/** Answers rightly as the arm's fate and the seed say; hands over tokens as asked, in whole spans and a bit too many. */
export function fakeSolve({ arm, problem, seed, share }: SampleRequest): SampleOutcome {
  const rng = createRng(seed);
  const skill = { small: 0.5, never: 0.3, self: 0.2, learned: 0.95, big: 0.97 }[arm.name] ?? 0.6;
  const tokens = rng.integer(150, 250);
  const shares: Record<string, number> = { learned: 0.03 + 0.06 * rng.next(), big: 1 };
  const wanted = share === undefined ? (shares[arm.name] ?? 0) : share * 1.4;
  const exact = (wanted * tokens) / 4;
  const bigTokens = 4 * (Math.floor(exact) + (rng.next() < exact % 1 ? 1 : 0));
  const answer = rng.next() < skill ? problem.gold : "1000";
  const text = `\\boxed{${answer}}`;
  return {
    text,
    segments: [{ author: "small", text, tokens, reason: "start" }],
    usage: {
      promptTokens: 40,
      smallTokens: tokens - bigTokens,
      bigTokens,
      tagTokens: 2,
      discardedTokens: 1,
      switches: bigTokens > 0 ? 1 : 0,
      offloadShare: bigTokens / tokens,
    },
    handoffsMs: bigTokens > 0 ? [3] : [],
    finishReason: "end-of-turn",
  };
}

export const runOptions = (overrides: Partial<RunOptions> = {}): RunOptions => ({
  solve: async (request) => fakeSolve(request),
  concurrency: 3,
  clock: { nowMs: () => 0, isoNow: () => "2026-01-01T00:00:00Z" },
  signal: new AbortController().signal,
  ...overrides,
});

export const provenance = {
  git: null,
  machine: { processor: "test", cores: 1, node: "20", platform: "test" },
};
