/** The trainings of one seed. The annotation is the same for all seeds; order, jitter, problems and draws vary. */
import { existsSync } from "node:fs";
import { join } from "node:path";

import { readProvenance } from "../../src/core/provenance.ts";
import { createRng } from "../../src/core/rng.ts";
import type { TraceRow } from "../../src/formats/trace-row.ts";
import {
  fullLearning,
  learnToOffload,
  type LearnHooks,
  type LearnOptions,
  type MicroLearnConfig,
  published,
} from "../../src/recipes/micro/index.ts";
import { reinforce, reinforceConfigSchema } from "../../src/recipes/reinforce/index.ts";
import { BEST_FOLDER } from "../../src/train/grpo/loop.ts";
import { withoutMask } from "./broken-mask.ts";

const PAIR = "models/micro";

/** The shipped recipe, with the annotation of seed 1. */
const learningOf = (seed: number): MicroLearnConfig => ({ ...fullLearning(seed), seed: 1 });

/**
 * Search settings for a model that asks in the wrong places: it has to find the right ones before anything can be refined. In the rollouts
 * a bias makes it ask more often, and the bias falls to nothing. Its words are as when it is served, because wrong copies at temperature 1
 * would hide the worth of a right question. Only asking and closing are trained, and asking costs nothing yet.
 */
function searching(config: MicroLearnConfig): MicroLearnConfig {
  const { reinforcement } = config;
  return {
    ...config,
    reinforcement: {
      ...reinforcement,
      reward: { name: "cost", lambda: 0, format: 0 },
      heldOut: 200,
      heldOutSharePrice: 0,
      heldOutBudget: 1,
      grpo: {
        ...reinforcement.grpo,
        steps: 20,
        problems: 32,
        members: 12,
        choices: "tags",
        temperature: 0.5,
        maxSegmentTokens: 8,
        exploration: { bias: 2.3, share: 0.8 },
        learningRate: 8e-4,
        warmupSteps: 3,
        evaluateEvery: 5,
      },
    },
  };
}

/**
 * Steps after which the search ends, halfway through its schedules and still exploring. The places are found by then; later it would learn
 * to ask where it does not help (docs/log.md).
 */
const SEARCH_STEPS = 10;

/**
 * Settings after the search: the shipped recipe, longer and with a price that rises more slowly, because the words have to be repaired as
 * well. The temperature is one at which the words are mostly right, so that the worth of asking shows. Segments stay short. Otherwise a
 * policy model that has not learned to close lets the big model write the rest, and the price teaches it not to ask at all (docs/log.md).
 */
const REFINING = {
  reward: { name: "cost", budget: 0.05, lambda: 0, tokenPrice: 0.03, rampShare: 1, format: 0 },
  grpo: {
    steps: 60,
    problems: 20,
    members: 8,
    learningRate: 4e-4,
    evaluateEvery: 10,
    temperature: 0.6,
    maxSegmentTokens: 8,
    exploration: { bias: 1, share: 0.3 },
  },
};

/** Random spans: as many in each trace as the annotation found, each one word, anywhere in the chain of thought. */
function randomSpans(rows: readonly TraceRow[], seed: number): TraceRow[] {
  const rng = createRng(seed).fork("random spans");
  return rows.map((row) => {
    const thought = row.trace.slice(0, row.trace.indexOf("\n</think>"));
    const words = [...thought.matchAll(/\s*\S+/gu)].map(({ 0: word, index }) => ({
      start: index,
      end: index + word.length,
    }));
    const drawn = (row.spans ?? []).map(() => rng.pick(words)).sort((a, b) => a.start - b.start);
    return { ...row, spans: drawn.filter(({ start }, at) => start > (drawn[at - 1]?.end ?? -1)) };
  });
}

export const RUNS = ["ours", "paper", "random-spans", "broken-mask"] as const;
export type RunName = (typeof RUNS)[number];

/** Makes each of `runs` in its own folder. All but `random-spans` start from the same fine-tuned model, which `ours` makes. */
export async function trainSeed(
  seed: number,
  {
    work,
    threads,
    runs,
  }: { readonly work: string; readonly threads: number; readonly runs: readonly RunName[] },
): Promise<void> {
  const config = learningOf(seed);
  const folder = join(work, `seed-${seed}`);
  const common = {
    config,
    base: await published("small-base", join(PAIR, "small-base")),
    big: await published("big", join(PAIR, "big")),
    annotated: join(work, "annotated"),
    threads,
    provenance: await readProvenance(),
  };
  const { reinforcement } = config;
  const fromTuned = (reward: unknown) =>
    reinforceConfigSchema.parse({
      ...reinforcement,
      reward,
      model: join(folder, "ours", "tuned", "export"),
      big: `gguf:${common.big.gguf}`,
      threads,
    });
  for (const run of runs) {
    const out = join(folder, run);
    switch (run) {
      case "ours":
        await learnToOffload({ ...common, work: out, ...report(seed, run) });
        break;
      case "paper":
        await reinforce(fromTuned("paper"), out, grpoReport(seed, run));
        break;
      case "random-spans": {
        const refined = join(out, "refined");
        if (!existsSync(refined)) await search(seed, out, common);
        const { grpo } = REFINING;
        const refining = { ...reinforcement, ...REFINING, grpo: { ...reinforcement.grpo, ...grpo } };
        await reinforce(
          reinforceConfigSchema.parse({
            ...refining,
            model: join(out, "grpo", BEST_FOLDER),
            big: `gguf:${common.big.gguf}`,
            threads,
          }),
          refined,
          grpoReport(seed, `${run}, refining`),
        );
        break;
      }
      case "broken-mask":
        await reinforce(fromTuned(reinforcement.reward), out, {
          ...grpoReport(seed, run),
          toTrajectory: withoutMask,
        });
        break;
      default:
        run satisfies never;
    }
  }
}

/** Tunes on random spans and leaves the best policy model of the first {@link SEARCH_STEPS} steps in `out`. */
async function search(seed: number, out: string, common: Omit<LearnOptions, "work">): Promise<void> {
  const enough = new AbortController();
  const hooks = report(seed, "random-spans");
  await learnToOffload({
    ...common,
    ...hooks,
    config: searching(common.config),
    work: out,
    annotate: (rows) => randomSpans(rows, seed),
    onGrpoEvaluation: (evaluation) => {
      hooks.onGrpoEvaluation?.(evaluation);
      if (evaluation.step >= SEARCH_STEPS) enough.abort();
    },
    signal: enough.signal,
  });
}

function report(seed: number, name: string): LearnHooks {
  const { onStep, onEvaluation } = grpoReport(seed, name);
  return {
    onMessage: (message) => log(seed, name, message),
    onGrpoStep: onStep,
    onGrpoEvaluation: onEvaluation,
  };
}

function grpoReport(seed: number, name: string): Required<Pick<GrpoHooks, "onStep" | "onEvaluation">> {
  return {
    onStep: ({ step, accuracy, share, openLogprob, klToStart, rolloutSeconds, updateSeconds }) =>
      log(
        seed,
        name,
        `step ${step}: right ${accuracy.toFixed(3)}, share ${(100 * share).toFixed(2)}%, log P(open) ${openLogprob?.toFixed(2) ?? "-"}, KL ${klToStart?.toFixed(4) ?? "-"}, ${rolloutSeconds.toFixed(1)} + ${updateSeconds.toFixed(1)} s`,
      ),
    onEvaluation: ({ step, scores }) => log(seed, name, `step ${step}, held out: ${JSON.stringify(scores)}`),
  };
}

type GrpoHooks = NonNullable<Parameters<typeof reinforce>[2]>;

const log = (seed: number, name: string, message: string): void =>
  console.error(`${new Date().toISOString().slice(11, 19)} seed ${seed} ${name}: ${message}`);
