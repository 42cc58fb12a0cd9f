/**
 * AdamW (Loshchilov & Hutter 2019) with clipping by global norm, on flat buffers. It runs in TypeScript and not in the graph, which is
 * as fast for models of this size. Weights and moments need not pass through the session, and gradients may come by rows. Arithmetic is in double
 * precision, state in single.
 */
import { TrainError } from "../../../core/errors.ts";
import type { AdamParameters } from "../../trainer.ts";

export interface AdamState {
  readonly firstMoments: Float32Array;
  readonly secondMoments: Float32Array;
  /** Updates made so far. */
  step: number;
}

export const createAdamState = (size: number): AdamState => ({
  firstMoments: new Float32Array(size),
  secondMoments: new Float32Array(size),
  step: 0,
});

/** Range [start, end) of the flat buffer, with or without weight decay. The ranges cover the buffer. */
export interface UpdateRange {
  readonly start: number;
  readonly end: number;
  readonly decayed: boolean;
}

/** Square root of the sum of squares. */
export function globalNorm(values: Float32Array): number {
  // Four sums, because additions to one would wait for each other.
  const sums: [number, number, number, number] = [0, 0, 0, 0];
  let [a, b, c, d] = sums;
  const whole = values.length - (values.length % 4);
  for (let index = 0; index < whole; index += 4) {
    const w = values[index] as number;
    const x = values[index + 1] as number;
    const y = values[index + 2] as number;
    const z = values[index + 3] as number;
    a += w * w;
    b += x * x;
    c += y * y;
    d += z * z;
  }
  for (let index = whole; index < values.length; index++) a += (values[index] as number) ** 2;
  return Math.sqrt(a + b + c + d);
}

/**
 * Updates `weights` and `state` in place. Returns the gradients' global norm before clipping. Throws a {@link TrainError} and changes
 * nothing when the norm is not finite.
 */
export function adamwStep(
  weights: Float32Array,
  gradients: Float32Array,
  state: AdamState,
  ranges: readonly UpdateRange[],
  adam: AdamParameters,
): number {
  const norm = globalNorm(gradients);
  if (!Number.isFinite(norm)) {
    throw new TrainError(
      `the gradient's norm is ${norm} at step ${state.step + 1}: training has diverged. Go back to the last checkpoint and lower the learning rate (now ${adam.learningRate}).`,
      { code: "train-diverged" },
    );
  }
  const scale = adam.clipNorm > 0 && norm > adam.clipNorm ? adam.clipNorm / norm : 1;
  state.step++;
  const firstCorrection = 1 / (1 - adam.beta1 ** state.step);
  const secondCorrection = 1 / (1 - adam.beta2 ** state.step);
  const rate = adam.learningRate * firstCorrection;
  const { firstMoments, secondMoments } = state;
  const { beta1, beta2, epsilon } = adam;
  for (const { start, end, decayed } of ranges) {
    const keep = decayed ? 1 - adam.learningRate * adam.weightDecay : 1;
    for (let index = start; index < end; index++) {
      const gradient = (gradients[index] as number) * scale;
      const first = beta1 * (firstMoments[index] as number) + (1 - beta1) * gradient;
      const second = beta2 * (secondMoments[index] as number) + (1 - beta2) * gradient * gradient;
      firstMoments[index] = first;
      secondMoments[index] = second;
      weights[index] =
        (weights[index] as number) * keep - (rate * first) / (Math.sqrt(second * secondCorrection) + epsilon);
    }
  }
  return norm;
}
