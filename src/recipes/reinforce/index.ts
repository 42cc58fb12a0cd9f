/**
 * A run of reinforcement learning, as one page. A tuned small model, the big model of its rollouts, problems and a reward come together.
 * The loop trains, and the best policy model by held-out score is exported. Not here: the loop itself (`train/grpo/loop.ts`) and what
 * trainers do. `splitreason train grpo` and `micro learn` call this.
 */
import { digestOf } from "../../core/digest.ts";
import { given } from "../../core/given.ts";
import { readProvenance } from "../../core/provenance.ts";
import { Turns } from "../../engines/turns.ts";
import type { FetchRows } from "../../eval/tasks/problems.ts";
import { BUILT_IN_TEMPLATES } from "../../tokenizer/index.ts";
import { type GrpoEvaluation, type GrpoMetrics, type GrpoOutcome, runGrpo } from "../../train/grpo/loop.ts";
import { requireOwnRows } from "../../train/tag-rows.ts";
import { loraIdentity } from "../../train/model/lora-config.ts";
import { parseReward } from "../../train/grpo/rewards/registry.ts";
import type { RolloutOptions } from "../../train/grpo/rollout.ts";
import { chooseTrainer } from "../../train/trainers/registry.ts";
import { withTrainer } from "../trainer/with-trainer.ts";
import type { ReinforceConfig } from "./config.ts";
import { judgePolicy } from "./held-out.ts";
import { openBig, rendererFor, tagIdsOf } from "./models.ts";
import { openRunProblems } from "./problems.ts";

export { loadReinforceConfig, type ReinforceConfig, reinforceConfigSchema } from "./config.ts";

export interface ReinforceHooks {
  /** Called with the number of tokens that any rollout has just written. */
  readonly onTokens?: RolloutOptions["onTokens"];
  readonly onStep?: (metrics: GrpoMetrics, steps: number) => void;
  readonly onEvaluation?: (evaluation: GrpoEvaluation) => void;
  /** Called with news for people: which problems there are, a trainer server that does not answer. */
  readonly onNotice?: (text: string) => void;
  readonly signal?: AbortSignal;
  /** Replaces what of a rollout is trained, for experiments. */
  readonly toTrajectory?: RolloutOptions["toTrajectory"];
  /** Reads problems from the hub. Without it, problems come from files only. */
  readonly fetchRows?: FetchRows;
}

/** Trains into `folder`, or continues the run that is there. */
export async function reinforce(
  config: ReinforceConfig,
  folder: string,
  { onStep, onTokens, onNotice, fetchRows, ...hooks }: ReinforceHooks,
): Promise<GrpoOutcome> {
  const { grpo } = config;
  const { signal } = hooks;
  const reward = parseReward(config.reward);
  const chosen = chooseTrainer(config.trainer);

  const small = await chosen.readModel(config.model);
  const ids = tagIdsOf(small, config);
  if (config.lora !== undefined) requireOwnRows(config.tags, config.model, small);
  const turns = new Turns();
  await using big = await openBig(config, small, turns, signal);
  const chatTemplate = small.chatTemplate ?? BUILT_IN_TEMPLATES.chatml;

  const problems = await openRunProblems({
    config,
    render: rendererFor(chatTemplate, small.tokenizer, big, config.openThinking),
    countTokens: (prompt) => small.tokenizer.encode(prompt).length,
    maxPositions: small.maxPositions,
    signal: signal ?? new AbortController().signal,
    ...(fetchRows === undefined ? {} : { fetchRows }),
  });
  if (problems.notice !== undefined) onNotice?.(problems.notice);

  const identity = {
    model: small.identity,
    // Problems are identified by what they are, not by where they lie. The loop compares its own settings.
    run: digestOf({
      ...config,
      grpo: undefined,
      context: undefined,
      bigTimeoutMs: undefined,
      model: undefined,
      trainer: undefined,
      lora: loraIdentity(config.lora),
      data: problems.identity,
      heldOutData: undefined,
    }),
  };
  const options = { tags: config.tags, ...given({ bigTimeoutMs: config.bigTimeoutMs }) };
  const header = { identity, provenance: await readProvenance() };
  const notices = onNotice === undefined ? {} : { onNotice };
  return await withTrainer(
    chosen,
    small,
    {
      name: "splitreason grpo",
      seed: grpo.seed,
      threads: config.threads,
      rowLength: Math.min(small.maxPositions, grpo.maxTokens + problems.longestPromptTokens),
      chatTemplate,
      ...given({ lora: config.lora }),
      concurrency: grpo.concurrency,
      turns,
      ...notices,
      ...(signal === undefined ? {} : { signal }),
    },
    (trainer) =>
      runGrpo({
        config: grpo,
        trainer,
        big,
        reward,
        ids,
        problems: problems.training,
        folder,
        header,
        evaluate: (policyModel) =>
          judgePolicy(policyModel, {
            big,
            problems: problems.heldOut,
            ids,
            config,
            signal,
            options,
            ...given({ onTokens }),
          }),
        options,
        ...given({ onTokens }),
        ...notices,
        ...(onStep === undefined ? {} : { onStep: (metrics) => onStep(metrics, grpo.steps) }),
        ...hooks,
      }),
  );
}
