/**
 * The document that `eval --json` prints and `--out` writes to summary.json. docs/evaluating.md defines every figure. Fields are only
 * ever added: what an older run does not have is optional.
 */
import { z } from "zod";

import { engineWorkSchema } from "./row.ts";

const intervalSchema = z.tuple([z.number(), z.number()]).readonly();

/** Values by k; the keys are decimal numbers. */
const byK = z.record(z.string(), z.number());
const intervalByK = z.record(z.string(), intervalSchema);

/** Spread of one figure over samples. Quantiles interpolate between order statistics. */
const spreadSchema = z.object({
  mean: z.number(),
  p50: z.number(),
  p95: z.number(),
  max: z.number(),
});

const dollarsSchema = z.object({
  /** Dollars for tokens read for the first time. */
  prompt: z.number(),
  /** Dollars for tokens sent again that the server had read before. */
  cachedPrompt: z.number(),
  /** Dollars for tokens drawn, including discarded ones. */
  completion: z.number(),
});

const costSchema = z.object({
  /** Dollars for all priced samples of the arm. */
  total: z.number(),
  perSample: z.number(),
  /** Interval of `perSample`, from resampled problems. */
  ci95: intervalSchema,
  /** Dollars for each right answer; null where none is right. */
  perRight: z.number().nullable(),
  small: dollarsSchema,
  big: dollarsSchema,
  /** Samples whose work is not known (they failed): not in any of these figures. */
  unpriced: z.number(),
});

/** Estimated arithmetic: 2 floating-point operations for each weight that a token is multiplied with, without attention. */
const computeSchema = z.object({
  /** Operations of all samples of the arm, for tokens read and drawn. */
  smallFlops: z.number(),
  bigFlops: z.number(),
  flopsPerSample: z.number(),
  /** Energy, from the joules that one operation takes on the user's machine; absent where the user does not say. */
  joules: z.number().optional(),
  joulesPerSample: z.number().optional(),
});

const armSummarySchema = z.object({
  name: z.string(),
  /** Right samples of all samples; failed ones count as wrong. */
  accuracy: z.number(),
  ci95: intervalSchema,
  samples: z.number(),
  /** Big tokens of all tokens in the outputs, over all samples of the arm. */
  offloadShare: z.number(),
  /** Spread of the shares of single samples. */
  sampleShare: spreadSchema.optional(),
  promptTokens: z.number().optional(),
  smallTokens: z.number(),
  bigTokens: z.number(),
  tagTokens: z.number().optional(),
  discardedTokens: z.number(),
  /** Sum over samples, each from its start to its end. */
  wallMs: z.number(),
  sampleMs: spreadSchema.optional(),
  /** Tokens of the outputs for each second of their samples, the reading of the prompts included: the speed of one sample. */
  tokensPerSecond: z.number().optional(),
  /** Time from a sample's start to its first token; absent where none was measured. */
  firstTokenMs: spreadSchema.optional(),
  passAt: byK,
  passAtCi95: intervalByK.optional(),
  covAt: byK.optional(),
  covAtCi95: intervalByK.optional(),
  majAt: byK,
  majAtCi95: intervalByK.optional(),
  /** Hand-offs a sample. */
  switches: z.number(),
  /** Time from the decision to hand over to the big model's first token; absent without a hand-off. */
  handoffMs: spreadSchema.optional(),
  /** Work of the models over all samples that report it; absent where none does. */
  work: z.object({ small: engineWorkSchema, big: engineWorkSchema }).optional(),
  /** Present with a price table. */
  costUsd: costSchema.optional(),
  /** Present where the sizes of the arm's models are known. */
  compute: computeSchema.optional(),
  /** Number of samples for each way of ending. */
  finishReasons: z.record(z.string(), z.number()),
  /** Samples that a limit cut before they gave an answer. They count as wrong. */
  cut: z.number().optional(),
  /** Samples in which the big model was lost and the small one continued. Their answers still count. */
  degraded: z.number(),
  /** Samples that failed and count as wrong. */
  failed: z.number(),
  /** Error of the first failed sample. */
  firstError: z.string().optional(),
  /** The arm that a matched arm follows, and the matched arm's measured share minus that arm's. */
  matched: z.object({ to: z.string(), shareDifference: z.number() }).optional(),
});

const comparisonSchema = z.object({
  first: z.string(),
  second: z.string(),
  /** Accuracy of the first arm minus that of the second. */
  difference: z.number(),
  ci95: intervalSchema,
  /** Two-sided, of "the arms are equally often right". */
  pValue: z.number(),
  /** Holm's adjustment over all comparisons of the document. */
  pAdjusted: z.number().optional(),
  method: z.enum(["newcombe-mcnemar", "bootstrap-signflip"]),
});

const modelSizeSchema = z.object({
  /** Weights of the model. */
  parameters: z.number(),
  /** Weights that a token is multiplied with: without an input embedding of its own, and with the experts that a token visits only. */
  perToken: z.number(),
  source: z.enum(["file", "given"]),
});

const dollarsPerMillion = z.number().nonnegative().finite();

const modelPriceSchema = z
  .object({
    /** Dollars for a million tokens that the model reads for the first time. */
    prompt: dollarsPerMillion,
    /** Dollars for a million tokens that a server has read before and is sent again. Default: the price of the prompt. */
    cachedPrompt: dollarsPerMillion.optional(),
    /** Dollars for a million tokens that the model draws. */
    completion: dollarsPerMillion,
  })
  .strict();

export const ratesSchema = z
  .object({
    /** Prices by author (`small`, `big`) or by the spec of a model. A spec counts before an author. */
    models: z.record(z.string(), modelPriceSchema).optional(),
    /** Energy of one floating-point operation on the user's machine. */
    joulesPerFlop: z.number().positive().finite().optional(),
  })
  .strict();

export const summarySchema = z.object({
  task: z.object({ name: z.string(), version: z.string(), problems: z.number() }),
  arms: z.array(armSummarySchema),
  /** The best of `small`, `never` and `self` among the arms. */
  control: z.string().optional(),
  /** Paired by problem; `comparedPairs` says which. */
  comparisons: z.array(comparisonSchema),
  samplesPerProblem: z.number(),
  seed: z.number(),
  configHash: z.string(),
  /** SHA-256 over what the seed determines of the rows, in their order: two runs gave the same when this is the same. */
  rowsDigest: z.string().optional(),
  /** The commit of the checkout, with `-dirty` if files differ from it; null outside a checkout. */
  git: z.string().nullable(),
  config: z.unknown(),
  /** Settings of the machine's use. Times depend on them, outcomes do not. */
  execution: z
    .object({ concurrency: z.number(), threads: z.number().optional(), context: z.number().optional() })
    .optional(),
  /** Known sizes by author. `smallBase` is the small model before tuning. */
  modelSizes: z
    .object({
      small: modelSizeSchema.optional(),
      big: modelSizeSchema.optional(),
      smallBase: modelSizeSchema.optional(),
    })
    .optional(),
  /** The price table that the user gave, from which dollars and joules follow. */
  rates: ratesSchema.optional(),
  machine: z.object({
    processor: z.string(),
    cores: z.number(),
    node: z.string(),
    platform: z.string(),
  }),
});

export type ModelPrice = z.infer<typeof modelPriceSchema>;
export type Rates = z.infer<typeof ratesSchema>;
export type ArmCost = z.infer<typeof costSchema>;
export type ArmCompute = z.infer<typeof computeSchema>;
export type ArmSummary = z.infer<typeof armSummarySchema>;
export type ArmComparison = z.infer<typeof comparisonSchema>;
export type ModelSize = z.infer<typeof modelSizeSchema>;
export type EvaluationSummary = z.infer<typeof summarySchema>;
