/** Configuration of a run of `train grpo`: one JSON file. Flags override it. */
import { dirname, isAbsolute, join } from "node:path";

import { z } from "zod";

import { ConfigError } from "../../core/errors.ts";
import { TASKS } from "../../eval/tasks/index.ts";
import { OFFLOAD_TAGS, tagPairSchema } from "../../tags/index.ts";
import { openThinkingSchema } from "../../tokenizer/index.ts";
import { grpoConfigSchema } from "../../train/grpo/config.ts";
import { loraConfigSchema } from "../../train/model/lora-config.ts";
import { REWARDS_WITH_BUDGET } from "../../train/grpo/rewards/registry.ts";
import { loadTrainingConfig } from "../trainer/config-file.ts";

export const reinforceConfigSchema = z.strictObject({
  /** Hugging Face folder with the tuned small model that the run starts from. */
  model: z.string().min(1),
  /** Engine spec of the big model. */
  big: z.string().min(1),
  /** Problems: `micro` (the micro domain, unlimited), or a task as `eval` takes it: NAME:FILE.jsonl, FILE.jsonl, NAME. */
  data: z.string().min(1).default("micro"),
  /** Held-out problems, in the same form. Default: a part of `data`, the same for all seeds, that is not trained on. */
  heldOutData: z.string().min(1).optional(),
  /** Longest prompt of a file's problems. Longer ones are left out, and counted. Default: 1,024. */
  maxPromptTokens: z.int().positive().optional(),
  /** The tags of the policy model: two control tokens of its vocabulary, as it was tuned with. */
  tags: tagPairSchema.default(OFFLOAD_TAGS),
  /** Whether prompts end with `<think>\n` where a template does not write it: as in the pair that is served afterwards. */
  openThinking: openThinkingSchema.default("if-token"),
  /** A name, a reward's configuration, or a list of `{reward, weight}`. */
  reward: z.unknown().default("cost"),
  /** Number of held-out problems, attempted at temperature 0. Without `heldOutData`, at most half of `data`. */
  heldOut: z.int().positive().default(200),
  /** Price of a share of 1 in the held-out score. The export with the best score is kept. */
  heldOutSharePrice: z.number().nonnegative().default(1),
  /** Free share on held-out problems. A share above it costs ten times the excess. */
  heldOutBudget: z.number().min(0).max(1).default(1),
  /** `embedded`, or `tinker:URL?...` (docs/scale.md). */
  trainer: z.string().min(1).default("embedded"),
  /** Trains an adapter (LoRA) and leaves the model as it is. Default: all weights are trained. */
  lora: loraConfigSchema.optional(),
  threads: z.int().positive().default(1),
  /** Tokens that each sequence of an embedded big model holds. Default: what the longest prompt and output need. */
  context: z.int().positive().optional(),
  /** Longest silence of the big model in a rollout. Default: 120 s. */
  bigTimeoutMs: z.int().positive().optional(),
  grpo: grpoConfigSchema.default(grpoConfigSchema.parse({})),
});

export type ReinforceConfig = z.output<typeof reinforceConfigSchema>;

/** The part of the reward that flags set. The configuration file sets the rest. */
export interface RewardFlags {
  readonly reward?: string | undefined;
  /** The option `budget` of a reward that has it. */
  readonly budget?: number | undefined;
}

/**
 * Reads a configuration. Paths in the file start at its folder, those in `overrides` where the program was started.
 * @throws ConfigError naming the field that is wrong; DataError when the file cannot be read.
 */
export async function loadReinforceConfig(
  path: string | undefined,
  overrides: Readonly<Record<string, unknown>>,
  flags: RewardFlags = {},
): Promise<ReinforceConfig> {
  const config = await loadTrainingConfig(reinforceConfigSchema, path, overrides, {
    model: relocateFolder,
    "lora.start": relocateFolder,
    data: relocateTask,
    heldOutData: relocateTask,
  });
  return { ...config, reward: withRewardFlags(config.reward, flags) };
}

/** Applies the flags. Options that no flag names keep their values. */
export function withRewardFlags(reward: unknown, { reward: name, budget }: RewardFlags): unknown {
  const named = name === undefined || nameOf(reward) === name ? reward : name;
  if (budget === undefined) return named;
  if (!REWARDS_WITH_BUDGET.some((one) => one === nameOf(named))) {
    const names = REWARDS_WITH_BUDGET.join(" or ");
    throw new ConfigError(
      `--budget ${budget} is an option of the reward ${names}, and this run's reward is ${JSON.stringify(named)}: give --reward ${names}, or set the budget where the reward is configured.`,
      { code: "config-invalid" },
    );
  }
  return typeof named === "object" ? { ...named, budget } : { name: named, budget };
}

const nameOf = (reward: unknown): unknown =>
  typeof reward === "object" && reward !== null && "name" in reward ? reward.name : reward;

const TASK_NAMES: ReadonlySet<string> = new Set(TASKS.map(({ name }) => name));

function relocateFolder(path: string, configPath: string): string {
  return isAbsolute(path) ? path : join(dirname(configPath), path);
}

/** A task's spec whose file is relative to the configuration, as one relative to where the program was started. */
function relocateTask(spec: string, configPath: string): string {
  const colon = spec.indexOf(":");
  const name = colon < 0 ? "" : spec.slice(0, colon);
  const isNamed = TASK_NAMES.has(name);
  const file = isNamed ? spec.slice(colon + 1) : spec;
  if (TASK_NAMES.has(file) || file === "" || isAbsolute(file)) return spec;
  return `${isNamed ? `${name}:` : ""}${join(dirname(configPath), file)}`;
}
