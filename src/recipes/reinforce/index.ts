/**
 * Reinforcement learning as a whole run: the tuned small model, the big one that writes in its rollouts, problems, a reward; the loop
 * trains, and the best policy by held-out score is exported. `splitreason train grpo` calls this and nothing else.
 */
import { digestOf } from "../../core/digest.ts";
import { ConfigError } from "../../core/errors.ts";
import { readProvenance } from "../../core/provenance.ts";
import { learned, SplitDecoder } from "../../decode/index.ts";
import type { PairPrompt } from "../../decode/pair/pair.ts";
import type { Engine } from "../../engines/engine.ts";
import { openEngine } from "../../engines/open/open-engine.ts";
import type { FetchRows } from "../../eval/tasks/problems.ts";
import { OFFLOAD_TAGS } from "../../tags/index.ts";
import { BUILT_IN_TEMPLATES, type ChatMessage, ChatTemplate } from "../../tokenizer/index.ts";
import { modelExporter, type ModelTokenizer } from "../../train/export/index.ts";
import {
  type GrpoEvaluation,
  type GrpoMetrics,
  type GrpoOutcome,
  type Judgement,
  runGrpo,
} from "../../train/grpo/loop.ts";
import { parseReward } from "../../train/grpo/rewards/registry.ts";
import { rollOut, type RolloutOptions, type RolloutProblem } from "../../train/grpo/rollout.ts";
import type { TagIds } from "../../train/grpo/trajectory.ts";
import type { Trainer } from "../../train/trainer.ts";
import { EmbeddedTrainer } from "../../train/trainers/embedded/embedded-trainer.ts";
import { llamaSampler } from "../../train/export/llama-sampler.ts";
import { parseTrainerSpec, type TrainerSpec } from "../../train/trainers/tinker/index.ts";
import { paddingOf, type PolicyModel, readPolicyModel } from "../trainer/policy-model.ts";
import { runOnServer } from "../trainer/run-with-trainer.ts";
import type { ReinforceConfig } from "./config.ts";
import { longestPrompt, openRunProblems } from "./run-problems.ts";

export { loadReinforceConfig, type ReinforceConfig, reinforceConfigSchema } from "./config.ts";

export interface ReinforceHooks {
  readonly onStep?: (metrics: GrpoMetrics, steps: number) => void;
  readonly onEvaluation?: (evaluation: GrpoEvaluation) => void;
  /** For people: which problems there are, news of a trainer server. */
  readonly onNotice?: (text: string) => void;
  readonly signal?: AbortSignal;
  /** For experiments with another mask. */
  readonly toTrajectory?: RolloutOptions["toTrajectory"];
  /** Reads problems from the hub; without it they come from files only. */
  readonly fetchRows?: FetchRows;
}

/** Trains into `folder`, or goes on with the run that is there. */
export async function reinforce(
  config: ReinforceConfig,
  folder: string,
  { onStep, onNotice, fetchRows, ...hooks }: ReinforceHooks,
): Promise<GrpoOutcome> {
  const reward = parseReward(config.reward);
  const { grpo } = config;
  const spec = parseTrainerSpec(config.trainer);
  const model = await readPolicyModel(config.model, spec);
  const { tokenizer, endOfTurn } = model.loaded;
  const ids: TagIds = {
    open: controlId(OFFLOAD_TAGS.open),
    close: controlId(OFFLOAD_TAGS.close),
    endOfTurn: controlId(endOfTurn),
  };
  function controlId(marker: string): TagIds["open"] {
    const id = tokenizer.controlId(marker);
    if (id !== undefined) return id;
    throw new ConfigError(
      `${config.model} has no control token ${marker}: tune it first (splitreason train sft, on a copy that splitreason train add-tags made).`,
      {
        code: "pair-mismatch",
      },
    );
  }

  // Room for its own template as well.
  const longestContext = grpo.maxTokens + longestPrompt(config) + 256;
  await using big = await openEngine(
    config.big,
    { sequences: grpo.concurrency, longestContext },
    hooks.signal,
  );
  if (big.vocabulary !== tokenizer.vocabulary) {
    throw new ConfigError(
      `${config.big} has another vocabulary than ${config.model}: the policy is trained on the big model's token ids, so both must have the same.`,
      { code: "pair-mismatch" },
    );
  }
  const template = model.loaded.chatTemplate ?? BUILT_IN_TEMPLATES.chatml;
  const modelTokenizer: ModelTokenizer = {
    vocabulary: tokenizer.contents,
    endOfTurn,
    padding: paddingOf(tokenizer, endOfTurn),
    chatTemplate: template,
  };
  const problems = await openRunProblems({
    config,
    render: renderFor(template, big.chatTemplate),
    countTokens: (prompt) => tokenizer.encode(prompt).length,
    maxPositions: model.maxPositions,
    signal: hooks.signal ?? new AbortController().signal,
    ...(fetchRows === undefined ? {} : { fetchRows }),
  });
  if (problems.notice !== undefined) onNotice?.(problems.notice);
  const rowLength = Math.min(model.maxPositions, grpo.maxTokens + problems.longestPromptTokens);
  const provenance = await readProvenance();
  return await onTrainer(
    { spec, model, modelTokenizer, rowLength, config, onNotice, signal: hooks.signal },
    (trainer) =>
      runGrpo({
        config: grpo,
        trainer,
        big,
        reward,
        ids,
        problems: problems.training,
        folder,
        header: {
          identity: {
            model: model.identity,
            // What the problems are, not where they lie.
            run: digestOf({
              ...config,
              // The loop compares it itself.
              grpo: undefined,
              model: undefined,
              trainer: undefined,
              data: problems.identity,
              heldOutData: undefined,
            }),
          },
          provenance,
        },
        evaluate: (policy) => evaluatePolicy(policy, big, problems.heldOut, config, ids, hooks.signal),
        ...(onNotice === undefined ? {} : { onNotice }),
        ...(onStep === undefined ? {} : { onStep: (metrics) => onStep(metrics, grpo.steps) }),
        ...hooks,
      }),
  );
}

/** As the pair is served: each model reads its own template, the big one that of the small one where it has none. */
function renderFor(template: string, templateOfBig: string | undefined) {
  const own = new ChatTemplate(template);
  const ofBig = new ChatTemplate(templateOfBig ?? template);
  return (messages: readonly ChatMessage[]): PairPrompt => {
    const prompt = own.render(messages, { openThinking: true });
    if (ofBig.source === own.source) return { prompt };
    return { prompt, promptForBig: ofBig.render(messages, { openThinking: true }) };
  };
}

interface TrainerOptions {
  readonly spec: TrainerSpec;
  readonly model: PolicyModel;
  readonly modelTokenizer: ModelTokenizer;
  readonly rowLength: number;
  readonly config: ReinforceConfig;
  readonly onNotice: ((text: string) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

async function onTrainer<Outcome>(
  { spec, model, modelTokenizer, rowLength, config, onNotice, signal }: TrainerOptions,
  run: (trainer: Trainer) => Promise<Outcome>,
): Promise<Outcome> {
  const { grpo, threads } = config;
  const sampler = llamaSampler(modelTokenizer, {
    threads: 1,
    sequences: grpo.concurrency,
    contextSize: rowLength,
  });
  const name = "splitreason grpo";
  if (spec.kind === "tinker") {
    return runOnServer(
      {
        spec,
        seed: grpo.seed,
        tokenizer: model.loaded.tokenizer,
        modelTokenizer,
        contextSize: rowLength,
        imported: model.imported,
        name,
        localSampler: sampler,
        ...(onNotice === undefined ? {} : { onNotice }),
        ...(signal === undefined ? {} : { signal }),
      },
      run,
    );
  }
  if (model.imported === undefined) throw new TypeError("the embedded trainer has no weights");
  const trainer = await EmbeddedTrainer.create({
    config: model.imported.config,
    weights: model.imported.weights,
    threads,
    rowLength,
    exporter: modelExporter(modelTokenizer, name),
    sampler,
  });
  try {
    return await run(trainer);
  } finally {
    await trainer.close();
  }
}

/** What the best policy is chosen by. */
export function heldOutScore(
  accuracy: number,
  share: number,
  { heldOutSharePrice, heldOutBudget }: Pick<ReinforceConfig, "heldOutSharePrice" | "heldOutBudget">,
): number {
  return accuracy - heldOutSharePrice * share - OVER_BUDGET_PRICE * Math.max(0, share - heldOutBudget);
}

const OVER_BUDGET_PRICE = 10;

/** Greedy, with the big model: what the trained pair would do when served. */
async function evaluatePolicy(
  policy: Engine,
  big: Engine,
  problems: readonly RolloutProblem[],
  config: ReinforceConfig,
  ids: TagIds,
  signal: AbortSignal | undefined,
): Promise<Judgement> {
  const groups = await rollOut(problems, {
    decoders: [new SplitDecoder({ small: policy, big })],
    policy: learned(),
    ids,
    members: 1,
    maxTokens: config.grpo.maxTokens,
    temperature: 0,
    seed: 0,
    concurrency: config.grpo.concurrency,
    ...(signal === undefined ? {} : { signal }),
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
