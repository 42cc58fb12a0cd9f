/** Configuration of a supervised run: one JSON file. Flags override it. */
import { z } from "zod";

import { OFFLOAD_TAGS, tagPairSchema } from "../../tags/index.ts";
import { loopConfigSchema } from "../../train/supervised/loop.ts";
import { loraConfigSchema } from "../../train/model/lora-config.ts";
import { decoderConfigSchema } from "../../train/model/config.ts";

const positive = z.int().positive();

const common = {
  /** JSON Lines, parquet, a folder of files, or `hf:OWNER/NAME` (see `data/training-rows.ts`); or `micro`, `micro:ROWS`: traces of the micro domain. */
  data: z.string().min(1),
  /** A built-in chat template's name or Jinja source. Default: the tokenizer's own, or else chatml. */
  template: z.string().min(1).optional(),
  /** Whether prompts end with `<think>\n`, as at inference, where the template does not write it. Default: those whose trace has `</think>`. */
  openThinking: z.boolean().optional(),
  /** The tags around spans: two control tokens of the model's vocabulary. */
  tags: tagPairSchema.default(OFFLOAD_TAGS),
  /** Rows in a step (Paper 3.3: 64). */
  rows: positive.default(8),
  /** Passes over the data, when `training.steps` is not given (Paper 3.3: 3). */
  epochs: z.number().positive().default(3),
  /** Tokens in a row of the packed batch. Default: the longest example. Longer examples are left out, and counted. */
  rowLength: positive.optional(),
  /** Rows kept apart, on which the loss is reported while training. */
  heldOut: z.int().nonnegative().default(32),
  /** Loss weight of the tokens within spans; the tags around them weigh 1. */
  spanWeight: z.number().min(0).default(1),
  threads: positive.optional(),
  training: loopConfigSchema.partial().default({}),
};

export const pretrainConfigSchema = z.strictObject({
  ...common,
  /** Shape of the model; the vocabulary's size follows from the tokenizer. */
  model: z.strictObject(decoderConfigSchema.shape).omit({ vocabularySize: true }),
  /** A folder with tokenizer.json. Default: a vocabulary is learned from the data. */
  tokenizer: z.string().min(1).optional(),
  /** Most tokens of a vocabulary that is learned. */
  vocabularySize: positive.default(4096),
});

export const sftConfigSchema = z.strictObject({
  ...common,
  /** A Hugging Face folder or a GGUF of a dense decoder that the run starts from. */
  model: z.string().min(1),
  /** `embedded`, or `tinker:URL?...` (docs/scale.md). */
  trainer: z.string().min(1).default("embedded"),
  /** Trains an adapter (LoRA) and leaves the model as it is. Default: all weights are trained. */
  lora: loraConfigSchema.optional(),
});

export type PretrainConfig = z.output<typeof pretrainConfigSchema>;
export type SftConfig = z.output<typeof sftConfigSchema>;
