/**
 * Makes the command that repeats a run, from what the run recorded. The command's settings should have the digest of the run's own. If they do
 * not, or cannot be compared, the report says so.
 */
import { z } from "zod";

import { digestOf } from "../../core/digest.ts";
import { given } from "../../core/given.ts";
import { parsePolicySpec } from "../../decode/index.ts";
import {
  decodingOptions,
  MICRO_PAIR,
  pairConfigSchema,
  pairPolicyOptions,
  type PairConfig,
} from "../../decode/pair/pair-config.ts";
import { splitOptionsSchema } from "../../decode/pair/split-options.ts";
import { openThinkingSchema } from "../../tokenizer/chat-template.ts";
import { DEFAULT_RANDOM_CHUNK } from "../arms/arms.ts";
import type { EvaluationSummary } from "../summary-schema.ts";
import type { ReportModel, ReportRun } from "./document.ts";

const modelSchema = z.object({ spec: z.string(), digest: z.unknown() });

/** The settings that `describeSettings` writes. */
const configSchema = z.object({
  task: z.object({ name: z.string(), version: z.string() }),
  problems: z.number(),
  samples: z.number(),
  seed: z.number(),
  arms: z.array(z.string()),
  small: modelSchema.optional(),
  big: modelSchema.optional(),
  smallBase: modelSchema.optional(),
  template: z.string().optional(),
  openThinking: openThinkingSchema,
  dial: z.looseObject({ bias: z.number(), budget: z.number(), hard: z.boolean().optional() }),
  options: z.looseObject({ expected: splitOptionsSchema.shape.expected.optional() }),
  sampling: z.looseObject({ temperature: z.number() }),
  maxTokens: z.number(),
  /** The pair's options of policies, by the name of their arm. */
  policies: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
  randomChunk: z.number().optional(),
});

type Config = z.output<typeof configSchema>;

const KNOWN = new Set(Object.keys(configSchema.shape));

export function rerunOf(summary: EvaluationSummary): ReportRun["rerun"] {
  const parsed = configSchema.safeParse(summary.config);
  if (!parsed.success) {
    return {
      command: `npx splitreason eval ${quoted(summary.task.name)}`,
      sameDigest: false,
      remarks: ["The settings below are not those that this version writes: set the flags by them."],
    };
  }
  const config = parsed.data;
  const raw: Readonly<Record<string, unknown>> = { ...z.looseObject({}).parse(summary.config) };
  const remarks = remarksOf(summary, config, raw);
  const short = { ...raw, ...settingsOfMicro(config) };
  if (remarks.unknown.length === 0 && digestOf(short) === summary.configHash) {
    return {
      command: command(summary, config, microFlags(config)),
      sameDigest: true,
      remarks: remarks.words,
    };
  }
  const pair = pairConfigSchema.safeParse(pairOf(config));
  const long = pair.success
    ? {
        ...raw,
        template: pair.data.template,
        openThinking: pair.data.openThinking,
        dial: pair.data.dial,
        options: decodingOptions(pair.data),
        sampling: pair.data.sampling,
        maxTokens: pair.data.maxTokens,
        policies: policiesUnder(pair.data, config.policies),
      }
    : {};
  return {
    command: command(summary, config, ["--pair pair.json"]),
    pairFile: `${JSON.stringify(pairOf(config), null, 2)}\n`,
    sameDigest: remarks.unknown.length === 0 && digestOf(long) === summary.configHash,
    remarks: remarks.words,
  };
}

export function modelsOf({ config, modelSizes }: EvaluationSummary): ReportModel[] {
  const parsed = z
    .looseObject({
      small: modelSchema.optional(),
      big: modelSchema.optional(),
      smallBase: modelSchema.optional(),
    })
    .safeParse(config);
  if (!parsed.success) return [];
  const roles = { small: "small", big: "big", smallBase: "small before tuning" } as const;
  return (["small", "big", "smallBase"] as const).flatMap((key) => {
    const model = parsed.data[key];
    if (model === undefined) return [];
    const parameters = modelSizes?.[key]?.parameters;
    return {
      role: roles[key],
      spec: model.spec,
      ...(typeof model.digest === "string" ? { digest: model.digest } : {}),
      ...(parameters === undefined ? {} : { parameters }),
    };
  });
}

export function temperatureOf({ config }: EvaluationSummary): number | null {
  const parsed = z.looseObject({ sampling: z.looseObject({ temperature: z.number() }) }).safeParse(config);
  return parsed.success ? parsed.data.sampling.temperature : null;
}

/** The settings of the shipped pair with the run's flags. */
function settingsOfMicro({ dial, options, sampling, maxTokens, policies }: Config): Record<string, unknown> {
  return {
    template: undefined,
    openThinking: MICRO_PAIR.openThinking,
    dial: {
      ...MICRO_PAIR.dial,
      bias: dial.bias,
      budget: dial.budget,
      hard: dial.hard ?? MICRO_PAIR.dial.hard,
    },
    // The lengths come with the calibration beside the small model.
    options: { ...decodingOptions(MICRO_PAIR), ...given({ expected: options.expected }) },
    sampling: { ...MICRO_PAIR.sampling, temperature: sampling.temperature },
    maxTokens,
    policies: policiesUnder(MICRO_PAIR, policies),
  };
}

/** The pair's options for the policies of these arms. */
const policiesUnder = (pair: PairConfig, policies: Config["policies"]): Config["policies"] =>
  policies === undefined
    ? undefined
    : Object.fromEntries(
        Object.keys(policies).map((arm) => [arm, pairPolicyOptions(pair, parsePolicySpec(arm).name)]),
      );

function microFlags({ small, big, smallBase, dial, sampling, maxTokens }: Config): string[] {
  const flag = (name: string, value: number, standard: number): string[] =>
    value === standard ? [] : [`--${name} ${value}`];
  const spec = (name: string, model: Config["small"], standard: string | undefined): string[] =>
    model === undefined || model.spec === standard ? [] : [`--${name} ${quoted(model.spec)}`];
  const ownSmall = spec("small", small, MICRO_PAIR.small);
  return [
    ...ownSmall,
    ...spec("big", big, MICRO_PAIR.big),
    // Another small model has no checkpoint before tuning unless one is named.
    ...(ownSmall.length > 0 && smallBase !== undefined
      ? [`--small-base ${quoted(smallBase.spec)}`]
      : spec("small-base", smallBase, MICRO_PAIR.smallBase)),
    ...flag("temperature", sampling.temperature, MICRO_PAIR.sampling.temperature),
    ...flag("max-tokens", maxTokens, MICRO_PAIR.maxTokens),
    ...flag("bias", dial.bias, MICRO_PAIR.dial.bias),
    ...flag("budget", dial.budget, MICRO_PAIR.dial.budget),
    ...(dial.hard === true ? ["--hard-budget"] : []),
  ];
}

function pairOf(config: Config): Record<string, unknown> {
  const { small, big, smallBase, template, openThinking, dial, sampling, maxTokens, policies } = config;
  const { tags, ...options } = z.looseObject({ tags: z.unknown() }).parse(config.options);
  return {
    small: small?.spec,
    // A pair file names a big model even if no arm needs it.
    big: big?.spec ?? small?.spec,
    smallBase: smallBase?.spec,
    template,
    openThinking,
    tags,
    dial,
    options,
    sampling,
    maxTokens,
    policies:
      policies === undefined
        ? undefined
        : Object.fromEntries(Object.entries(policies).map(([arm, own]) => [parsePolicySpec(arm).name, own])),
  };
}

function command(
  { execution }: EvaluationSummary,
  { task, arms, problems, samples, seed, randomChunk }: Config,
  pairFlags: readonly string[],
): string {
  return [
    `npx splitreason eval ${quoted(task.name)}`,
    `--arms ${quoted(arms.join(","))}`,
    `--problems ${problems}`,
    ...(samples === 1 ? [] : [`--samples ${samples}`]),
    `--seed ${seed}`,
    ...pairFlags,
    ...(randomChunk === undefined || randomChunk === DEFAULT_RANDOM_CHUNK
      ? []
      : [`--random-chunk ${randomChunk}`]),
    ...(execution === undefined ? [] : [`--concurrency ${execution.concurrency}`]),
    ...(execution?.threads === undefined ? [] : [`--threads ${execution.threads}`]),
    ...(execution?.context === undefined ? [] : [`--context ${execution.context}`]),
    "--out runs/again",
  ].join(" ");
}

function remarksOf(
  { arms, modelSizes }: EvaluationSummary,
  config: Config,
  raw: Readonly<Record<string, unknown>>,
): { readonly unknown: readonly string[]; readonly words: readonly string[] } {
  const unknown = Object.keys(raw).filter((key) => !KNOWN.has(key) && raw[key] !== undefined);
  return {
    unknown,
    words: [
      ...(unknown.length === 0
        ? []
        : [`The command does not set ${unknown.join(", ")}: see the settings for their values.`]),
      ...(arms.some(({ costUsd }) => costUsd !== undefined)
        ? ["Dollars came from a table of prices, which --prices names; the table is not recorded."]
        : []),
      ...(Object.values(modelSizes ?? {}).some((size) => size?.source === "given")
        ? ["Sizes of models were given with --parameters; they change the estimates and nothing else."]
        : []),
      ...(config.task.name === "micro"
        ? []
        : [`Where the problems came from a file, name it: ${config.task.name}:FILE.jsonl.`]),
    ],
  };
}

/** Quotes a text for a POSIX shell. */
export const quoted = (text: string): string =>
  /^[\w@%+=:,./~^-]+$/u.test(text) && !text.startsWith("~") ? text : `'${text.replaceAll("'", `'\\''`)}'`;
