/** Scaled rotary embeddings: by how much each pair of a head turns more slowly than without scaling. */
import { z } from "zod";

const factor = z.number().min(1);
/** Names as in transformers' `rope_parameters` (modeling_rope_utils.py), in this project's spelling. */
export const ropeScalingSchema = z.discriminatedUnion("type", [
  /** All positions divided by one factor. */
  z.strictObject({ type: z.literal("linear"), factor }),
  /** Llama 3.1: slow pairs are slowed by the factor, fast ones are not, those in between by a part of it. */
  z.strictObject({
    type: z.literal("llama3"),
    factor,
    lowFrequencyFactor: z.number().positive(),
    highFrequencyFactor: z.number().positive(),
    /** Tokens that the model was trained on before it was scaled. */
    originalPositions: z.int().positive(),
  }),
  /** One factor for each pair, as a GGUF has them. */
  z.strictObject({ type: z.literal("factors"), factors: z.array(z.number().positive()).max(4096) }),
]);

export type RopeScaling = z.output<typeof ropeScalingSchema>;

interface Rotary {
  readonly headSize: number;
  readonly ropeTheta: number;
  readonly ropeScaling?: RopeScaling | undefined;
}

/** Tokens for one radian, for each pair of a head: [headSize / 2]. */
export function rotaryPeriods(rotary: Rotary): number[] {
  const half = rotary.headSize / 2;
  const factors = rotaryFactors(rotary);
  return Array.from(
    { length: half },
    (_, pair) => rotary.ropeTheta ** (pair / half) * (factors?.[pair] ?? 1),
  );
}

/** Factors of the periods, for each pair: [headSize / 2]. Undefined without scaling. */
export function rotaryFactors({ headSize, ropeTheta, ropeScaling }: Rotary): number[] | undefined {
  if (ropeScaling === undefined) return undefined;
  if (ropeScaling.type === "factors") return ropeScaling.factors;
  const half = headSize / 2;
  return Array.from({ length: half }, (_, pair) =>
    ropeScaling.type === "linear"
      ? ropeScaling.factor
      : llama3Factor(ropeScaling, 2 * Math.PI * ropeTheta ** (pair / half)),
  );
}

/** `_compute_llama3_parameters` of transformers. @param wavelength Tokens for a whole turn. */
function llama3Factor(scaling: Extract<RopeScaling, { type: "llama3" }>, wavelength: number): number {
  const { lowFrequencyFactor: low, highFrequencyFactor: high, originalPositions } = scaling;
  const turns = originalPositions / wavelength;
  if (turns < low) return scaling.factor;
  if (turns > high) return 1;
  const smooth = (turns - low) / (high - low);
  return 1 / ((1 - smooth) / scaling.factor + smooth);
}
