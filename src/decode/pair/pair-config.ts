/** A pair as data: two models, how to prompt them, and how to decode with them unless a request says otherwise. */
import { dirname, isAbsolute, join } from "node:path";

import { z } from "zod";

import { readDocument } from "../../core/document.ts";
import { withSpecPaths } from "../../engines/open/spec.ts";
import { dialSchema } from "../dial/dial.ts";
import { parsePolicy, parsePolicySpec } from "../policies/index.ts";
import type { Policy } from "../policies/policy.ts";
import { requireHonoured } from "../policies/honoured-dial.ts";
import { openThinkingSchema } from "../../tokenizer/chat-template.ts";
import { OFFLOAD_TAGS, tagPairSchema } from "../../tags/grammar.ts";
import { type SplitOptions, splitOptionsSchema } from "./split-options.ts";

/** The tags belong to the pair itself. */
const pairOptionsSchema = splitOptionsSchema.omit({ tags: true });

export const pairConfigSchema = z
  .object({
    /** Engine specs, e.g. `micro:small` or `gguf:models/small.gguf` (relative to the file that says so). */
    small: z.string().min(1),
    big: z.string().min(1),
    /** The small model before tuning, for comparisons. */
    smallBase: z.string().min(1).optional(),
    /** A table that `splitreason calibrate --out` wrote (relative to the file that says so). Default: that beside the small model's file. */
    calibration: z.string().min(1).optional(),
    /** A built-in chat template's name or Jinja source, for both models. Default: each model's own. */
    template: z.string().min(1).optional(),
    /** Another template for the big model, where it needs one: two models of different families, a base model without a template. */
    bigTemplate: z.string().min(1).optional(),
    /** Whether prompts end with `<think>\n` where the template does not write it: `true`, `false`, or `"if-token"`. */
    openThinking: openThinkingSchema.default(false),
    /** The small model's tags: any two control tokens of its vocabulary that nothing else uses. */
    tags: tagPairSchema.default(OFFLOAD_TAGS),
    policy: z.string().min(1).default("learned"),
    policyOptions: z.record(z.string(), z.unknown()).default({}),
    /** Options of policies in this pair, by policy, e.g. what a step is in its traces; `policyOptions` win over them. */
    policies: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
    dial: dialSchema.default(dialSchema.parse({})),
    options: pairOptionsSchema.default(pairOptionsSchema.parse({})),
    sampling: z
      .object({
        temperature: z.number().nonnegative().default(0.6),
        topP: z.number().gt(0).max(1).optional(),
      })
      .strict()
      .default({ temperature: 0.6 }),
    /** Longest output in tokens, both authors together. */
    maxTokens: z.number().int().positive().default(4096),
  })
  .strict();

export type PairConfig = z.output<typeof pairConfigSchema>;

/** How the two models of a pair decode together. */
export const decodingOptions = ({ options, tags }: Pick<PairConfig, "options" | "tags">): SplitOptions => ({
  ...options,
  tags,
});

/**
 * Options for the traces of the micro pair, which have no paragraphs, and say neither "wait" nor "hmm". Where a figure is set, the policy's
 * own default would give the big model nothing, or most of the text. Half of the steps begin with a choice of words (1.0 to 1.6 nats), and a
 * request is for 3 or 4 digits.
 */
const MICRO_POLICIES = {
  entropy: { step: "sentence", threshold: 1.3 },
  "step-score": { step: "sentence" },
  "call-n": { tokens: 4 },
  cue: { step: "sentence", cues: ["so", "keep", "its", "that"], tokens: 6 },
  "logprob-select": { step: "sentence", candidates: 4, tokens: 2 },
  rewrite: { step: "sentence" },
};

/** The pair that ships with the project. */
export const MICRO_PAIR: PairConfig = pairConfigSchema.parse({
  small: "micro:small",
  big: "micro:big",
  smallBase: "micro:small-base",
  openThinking: "if-token",
  policies: MICRO_POLICIES,
  sampling: { temperature: 0 },
  maxTokens: 512,
});

/**
 * The policy that `spec` names, with the pair's options for it; without `spec` the pair's own policy.
 * @param extra options that win over the pair's.
 * @throws ConfigError on an unknown policy or a wrong option.
 */
export function pairPolicy(
  config: Pick<PairConfig, "policy" | "policyOptions" | "policies">,
  spec: string = config.policy,
  extra: Readonly<Record<string, unknown>> = {},
): Policy {
  return parsePolicy(spec, pairPolicyOptions(config, spec, extra));
}

/** The options that {@link pairPolicy} gives to the policy, besides those in `spec` itself. */
export function pairPolicyOptions(
  config: Pick<PairConfig, "policy" | "policyOptions" | "policies">,
  spec: string,
  extra: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  const { name } = parsePolicySpec(spec);
  const own = parsePolicySpec(config.policy);
  return {
    ...(Object.hasOwn(config.policies, name) ? config.policies[name] : {}),
    ...(name === own.name ? { ...config.policyOptions, ...own.options } : {}),
    ...extra,
  };
}

/**
 * The pair `micro`, or the JSON file at this path.
 * @throws ConfigError naming the field that is wrong; DataError when the file cannot be read.
 */
export async function loadPairConfig(nameOrPath: string): Promise<PairConfig> {
  if (nameOrPath === "micro") return MICRO_PAIR;
  const config = await readDocument(nameOrPath, pairConfigSchema, {
    name: `pair file ${nameOrPath}`,
    source: "config",
  });
  requireHonoured(config.policy, config.dial, `pair file ${nameOrPath}, field dial`);
  return withFolder(config, dirname(nameOrPath));
}

/** Makes paths in specs independent of where the program was started. */
function withFolder(config: PairConfig, folder: string): PairConfig {
  const { small, big, smallBase, calibration } = config;
  return {
    ...config,
    small: specIn(folder, small),
    big: specIn(folder, big),
    ...(smallBase === undefined ? {} : { smallBase: specIn(folder, smallBase) }),
    ...(calibration === undefined || isAbsolute(calibration)
      ? {}
      : { calibration: join(folder, calibration) }),
  };
}

const specIn = (folder: string, spec: string): string =>
  withSpecPaths(spec, (path) => (isAbsolute(path) ? path : join(folder, path)));
