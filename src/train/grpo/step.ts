/** One training step: rollouts with the big model, a batch of them, an update of the policy model; and the figures of all that. */
import type { Clock } from "../../core/clock.ts";
import { TrainError } from "../../core/errors.ts";
import { given } from "../../core/given.ts";
import { hash32 } from "../../core/rng.ts";
import { learned, self, SplitDecoder } from "../../decode/index.ts";
import type { Engine } from "../../engines/engine.ts";
import { learningRateAt } from "../optimiser.ts";
import type { Datum, Reference, Trainer } from "../trainer.ts";
import { assembleBatch, type RolloutBatch } from "./batch.ts";
import { explorationBias, type GrpoConfig } from "./config.ts";
import { divergenceFromReference } from "./kl.ts";
import { type RolloutMetrics, rolloutMetrics } from "./metrics.ts";
import { type Failures, withoutOutage } from "./outage.ts";
import { choiceDatum } from "./policy-gradient.ts";
import type { Reward } from "./rewards/reward.ts";
import {
  rollOut,
  type Rollout,
  type RolloutGroup,
  type RolloutOptions,
  type RolloutProblem,
} from "./rollout.ts";
import type { TagIds } from "./trajectory.ts";
import { updatePolicy, type UpdateResult } from "./update.ts";

export interface StepMetrics extends RolloutMetrics, Partial<UpdateResult> {
  readonly learningRate: number;
  readonly rolloutSeconds: number;
  readonly updateSeconds: number;
  /**
   * Divergence of the policy model that made the rollouts from the reference policy, in nats a choice, measured on a part of the rollouts.
   * Absent when the trainer keeps no reference, and in a run that began without one.
   */
  readonly klToStart?: number;
  /** Tokens a second that both models generated in the rollouts. */
  readonly tokensPerSecond: number;
}

export interface StepOptions {
  readonly config: GrpoConfig;
  readonly trainer: Trainer;
  /** Writes the spans in the rollouts, unless the reward says that the small model writes its own. */
  readonly big: Engine;
  readonly reward: Reward;
  readonly ids: TagIds;
  /** The problems of a training step. They must depend on nothing but the step. */
  readonly problems: (step: number) => readonly RolloutProblem[];
  readonly toTrajectory?: RolloutOptions["toTrajectory"];
  /** How the two models decode together in rollouts. */
  readonly options?: RolloutOptions["options"];
  /** Called with the number of tokens that any rollout of a training step has just written. */
  readonly onTokens?: RolloutOptions["onTokens"];
  /** Called with news for people: what is waited for. */
  readonly onNotice?: (text: string) => void;
  readonly signal?: AbortSignal;
}

export async function trainingStep(
  options: StepOptions,
  step: number,
  reference: Reference | undefined,
  clock: Clock,
): Promise<{
  readonly metrics: StepMetrics;
  readonly groups: readonly RolloutGroup[];
}> {
  const { config, reward, trainer } = options;
  const startMs = clock.nowMs();
  const groups = await withoutOutage(
    `the rollouts of step ${step}`,
    async () => {
      const made = await makeRollouts(options, step);
      // If the policy model was lost, these rollouts merely look failed: abort the step.
      if (trainer.lost !== undefined) throw trainer.lost;
      return made;
    },
    failuresOf,
    { ...config.outage, signal: options.signal, onNotice: options.onNotice },
  );
  const rolledOutMs = clock.nowMs();
  const batch = assembleBatch(groups, reward, { step, steps: config.steps }, config);
  if (batch.scored.length === 0) {
    throw new TrainError(
      `all rollouts of step ${step} were cut at maxTokens (${config.maxTokens}) or at the end of the context, and truncation is "drop": nothing is left. ` +
        `Raise --max-tokens, or let truncation be "mask" or "score".`,
      { code: "train-invalid" },
    );
  }
  const learningRate = learningRateAt(config, step);
  const { logprobs, klToStart } = await logprobsBefore(trainer, reference, batch);
  const update =
    batch.items.length === 0
      ? undefined
      : await updatePolicy(
          trainer,
          batch.items,
          batch.items.map(({ rollout }) => logprobs.get(rollout) ?? new Float32Array()),
          config.loss,
          { ...config, learningRate },
          config.updates,
        );
  if (update !== undefined && !Number.isFinite(update.gradientNorm)) {
    throw new TrainError(
      `the gradient of step ${step} is ${update.gradientNorm}. The last checkpoint is kept; lower learningRate (now ${config.learningRate}).`,
      { code: "train-diverged" },
    );
  }
  const made = rolloutMetrics(groups, batch);
  const rolloutSeconds = (rolledOutMs - startMs) / 1000;
  return {
    groups,
    metrics: {
      ...made,
      ...update,
      ...(klToStart === undefined ? {} : { klToStart }),
      learningRate,
      rolloutSeconds,
      updateSeconds: (clock.nowMs() - rolledOutMs) / 1000,
      tokensPerSecond: (made.policyTokens + made.bigTokens) / Math.max(rolloutSeconds, 1e-3),
    },
  };
}

/**
 * Log-probabilities of the choices before the update: of the rollouts that are trained on, and of those that are compared with the
 * reference policy. The latter are spread over all groups, because the policy model drifts also where the reward has no variance.
 */
async function logprobsBefore(
  trainer: Trainer,
  reference: Reference | undefined,
  { scored, items }: RolloutBatch,
): Promise<{
  readonly logprobs: ReadonlyMap<Rollout, Float32Array>;
  readonly klToStart?: number | undefined;
}> {
  const stride = Math.ceil(scored.length / COMPARED_ROLLOUTS);
  const compared =
    reference === undefined
      ? []
      : scored.filter((_, index) => index % stride === 0).map(({ rollout }) => rollout);
  const rollouts = [...new Set([...items.map(({ rollout }) => rollout), ...compared])];
  if (rollouts.length === 0) return { logprobs: new Map() };
  const datum = ({ trajectory }: Rollout): Datum => choiceDatum(trajectory);
  const current = (await trainer.forward(rollouts.map(datum))).logprobs;
  const logprobs = new Map(rollouts.map((rollout, index) => [rollout, current[index] ?? new Float32Array()]));
  if (reference === undefined) return { logprobs };
  const first = (await reference.forward(compared.map(datum))).logprobs;
  const klToStart = divergenceFromReference(
    compared.map((rollout, index) => ({
      trajectory: rollout.trajectory,
      current: logprobs.get(rollout) ?? new Float32Array(),
      reference: first[index] ?? new Float32Array(),
    })),
  );
  return { logprobs, klToStart };
}

/**
 * Rollouts compared with the reference policy in a training step. They have some thousand choices and take 1 to 2% of the step's time; all
 * 128 rollouts would take 4 to 7%.
 */
const COMPARED_ROLLOUTS = 32;

/** Makes the rollouts of a training step: as many copies of the policy model as the configuration says, and one big model. */
async function makeRollouts(
  { config, reward, trainer, ...options }: StepOptions,
  step: number,
): Promise<RolloutGroup[]> {
  const samplers: Engine[] = [];
  try {
    while (samplers.length < config.samplers) samplers.push(await trainer.sampler());
    return await rollOut(options.problems(step), {
      decoders: samplers.map((small) => new SplitDecoder({ small, big: options.big })),
      policy: reward.rollouts === "self" ? self() : learned(),
      ids: options.ids,
      groupSize: config.members,
      maxTokens: config.maxTokens,
      temperature: config.temperature,
      seed: hash32(`step ${step}`, config.seed),
      concurrency: config.concurrency,
      dial: {
        bias: explorationBias(config, step),
        ...(config.maxSegmentTokens === undefined ? {} : { maxSegmentTokens: config.maxSegmentTokens }),
      },
      ...given({
        options: options.options,
        onTokens: options.onTokens,
        signal: options.signal,
        toTrajectory: options.toTrajectory,
      }),
    });
  } finally {
    await Promise.all(samplers.map((sampler) => sampler.close()));
  }
}

const failuresOf = (groups: readonly RolloutGroup[]): Failures => {
  const failed = groups.flatMap((group) => group.failed);
  const made = groups.reduce((sum, { rollouts }) => sum + rollouts.length, 0);
  return { failed: failed.length, of: failed.length + made, reason: failed[0]?.error };
};
