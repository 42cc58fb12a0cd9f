/** The shape of a dense decoder (Qwen3, Qwen2), as data. The names are this project's; the exporters know those of other programs. */
import { z } from "zod";

import { checkDocument } from "../../core/document.ts";

const positive = z.int().positive();

export const qwen3ConfigSchema = z
  .strictObject({
    vocabularySize: positive,
    hiddenSize: positive,
    layers: positive,
    heads: positive,
    /** Heads with keys and values. Each is shared by heads / keyValueHeads queries. */
    keyValueHeads: positive,
    /** Size of one head; even, because rotary embedding pairs its halves. Need not be hiddenSize / heads. */
    headSize: positive.multipleOf(2),
    intermediateSize: positive,
    /** Whether queries, keys and values have biases (Qwen2). */
    attentionBias: z.boolean().default(false),
    /** Whether each head of queries and keys is normalised (Qwen3). */
    headNorms: z.boolean().default(true),
    ropeTheta: z.number().positive().default(10_000),
    rmsEpsilon: z.number().positive().default(1e-6),
    /** Whether the output head is the embedding matrix. */
    tiedEmbeddings: z.boolean().default(true),
    /** Length of the longest document. */
    maxPositions: positive.default(1024),
  })
  .refine((config) => config.heads % config.keyValueHeads === 0, {
    message: "must be divided by keyValueHeads",
    path: ["heads"],
  });

export type Qwen3Config = z.output<typeof qwen3ConfigSchema>;
export type Qwen3ConfigInput = z.input<typeof qwen3ConfigSchema>;

/** Fills in defaults. Throws a {@link ConfigError} that names the field. */
export const parseQwen3Config = (input: unknown): Qwen3Config =>
  checkDocument(input, qwen3ConfigSchema, {
    name: "the model's configuration",
    source: "config",
    maxFaults: 5,
  });

/** The architecture as Hugging Face (`model_type`) and GGUF (`general.architecture`) call it. Undefined for a combination that neither knows. */
export function architectureOf({ attentionBias, headNorms }: Qwen3Config): "qwen2" | "qwen3" | undefined {
  if (attentionBias === headNorms) return undefined;
  return headNorms ? "qwen3" : "qwen2";
}
