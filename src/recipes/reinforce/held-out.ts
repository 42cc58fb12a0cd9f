/** The held-out problems: what the policy model is judged by. */
import { given } from "../../core/given.ts";
import { learned, SplitDecoder } from "../../decode/index.ts";
import type { Engine } from "../../engines/engine.ts";
import type { Judgement } from "../../train/grpo/loop.ts";
import { rollOut, type RolloutOptions, type RolloutProblem } from "../../train/grpo/rollout.ts";
import type { TagIds } from "../../train/grpo/trajectory.ts";
import type { ReinforceConfig } from "./config.ts";

/** Held-out score: accuracy, less the price of help. The best policy model is chosen by it. */
export function heldOutScore(
  accuracy: number,
  share: number,
  { heldOutSharePrice, heldOutBudget }: Pick<ReinforceConfig, "heldOutSharePrice" | "heldOutBudget">,
): number {
  return accuracy - heldOutSharePrice * share - OVER_BUDGET_PRICE * Math.max(0, share - heldOutBudget);
}

const OVER_BUDGET_PRICE = 10;

export interface JudgeOptions {
  readonly big: Engine;
  readonly problems: readonly RolloutProblem[];
  readonly ids: TagIds;
  readonly config: ReinforceConfig;
  readonly signal: AbortSignal | undefined;
  readonly options?: RolloutOptions["options"];
  readonly onTokens?: RolloutOptions["onTokens"];
}

/** Attempts the held-out problems with the policy model and the big one, at temperature 0: what the trained pair would do when served. */
export async function judgePolicy(
  policyModel: Engine,
  { big, problems, ids, config, signal, options, onTokens }: JudgeOptions,
): Promise<Judgement> {
  const groups = await rollOut(problems, {
    decoders: [new SplitDecoder({ small: policyModel, big })],
    policy: learned(),
    ids,
    groupSize: 1,
    maxTokens: config.grpo.maxTokens,
    temperature: 0,
    seed: 0,
    concurrency: config.grpo.concurrency,
    ...given({ signal, options, onTokens }),
  });
  const facts = groups.flatMap(({ rollouts }) => rollouts.map((rollout) => rollout.facts));
  const accuracy = facts.filter(({ correct }) => correct).length / problems.length;
  const bigTokens = facts.reduce((sum, one) => sum + one.bigTokens, 0);
  const tokens = facts.reduce((sum, one) => sum + one.bigTokens + one.smallTokens, 0);
  const share = tokens === 0 ? 0 : bigTokens / tokens;
  const failed = groups.flatMap((group) => group.failed);
  return {
    scores: { accuracy, share },
    score: heldOutScore(accuracy, share, config),
    failures: { failed: failed.length, of: problems.length, reason: failed[0]?.error },
  };
}
