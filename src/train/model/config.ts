/** The shape of a dense decoder of the Llama family, as data. The names are this project's; the exporters know those of other programs. */
import { z } from "zod";

import { checkDocument } from "../../core/document.ts";
import type { Architecture } from "./architectures/architecture.ts";
import { ARCHITECTURE_NAMES, architectureNamed } from "./architectures/index.ts";
import { ropeScalingSchema } from "./rotary.ts";

const positive = z.int().positive();

export const decoderConfigSchema = z
  .strictObject({
    architecture: z.enum(ARCHITECTURE_NAMES).default("qwen3"),
    vocabularySize: positive,
    hiddenSize: positive,
    layers: positive,
    heads: positive,
    /** Heads with keys and values. Each is shared by heads / keyValueHeads queries. */
    keyValueHeads: positive,
    /** Size of one head; even, because rotary embedding pairs its halves. Need not be hiddenSize / heads. */
    headSize: positive.multipleOf(2),
    intermediateSize: positive,
    ropeTheta: z.number().positive().default(10_000),
    /** Absent: not scaled. */
    ropeScaling: ropeScalingSchema.optional(),
    rmsEpsilon: z.number().positive().default(1e-6),
    /** Whether the output head is the embedding matrix. */
    tiedEmbeddings: z.boolean().default(true),
    /** Length of the longest document. */
    maxPositions: positive.default(1024),
  })
  .refine((config) => config.heads % config.keyValueHeads === 0, {
    message: "must be divided by keyValueHeads",
    path: ["heads"],
  })
  .refine(
    ({ ropeScaling, headSize }) =>
      ropeScaling?.type !== "factors" || ropeScaling.factors.length === headSize / 2,
    { message: "must have a factor for each pair of a head", path: ["ropeScaling"] },
  );

export type DecoderConfig = z.output<typeof decoderConfigSchema>;
export type DecoderConfigInput = z.input<typeof decoderConfigSchema>;

/** Fills in defaults. Throws a {@link ConfigError} that names the field. */
export const parseDecoderConfig = (input: unknown): DecoderConfig =>
  checkDocument(input, decoderConfigSchema, {
    name: "the model's configuration",
    source: "config",
    maxFaults: 5,
  });

export const architectureOf = ({ architecture }: Pick<DecoderConfig, "architecture">): Architecture =>
  architectureNamed(architecture);
