/**
 * One draw from logits, in the order of llama.cpp's samplers: bias, nucleus (of the distribution at temperature 1), temperature, then
 * the inverse of the cumulative distribution. The caller gives the uniform number: engines derive it from seed and position.
 */

export interface DrawOptions {
  /** 0 is greedy: the highest logit, the lowest id among equals. */
  readonly temperature: number;
  readonly topP?: number;
  /** Nats by token id. */
  readonly bias?: ReadonlyMap<number, number>;
}

/** Index of the highest value, the lowest among equals. */
export function argmax(values: Float64Array): number {
  let best = 0;
  let highest = values[0] ?? -Infinity;
  for (let index = 1; index < values.length; index++) {
    const value = values[index] ?? -Infinity;
    if (value > highest) {
      best = index;
      highest = value;
    }
  }
  return best;
}

/** Logarithm of the sum of exponentials: the difference between logits and log-probabilities. */
export function logSumExp(logits: Float64Array): number {
  const highest = logits[argmax(logits)] ?? -Infinity;
  if (highest === -Infinity) return -Infinity;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - highest);
  return highest + Math.log(sum);
}

/** Entropy in nats of the softmax of `logits`. */
export function entropyOf(logits: Float64Array): number {
  const normalizer = logSumExp(logits);
  let entropy = 0;
  for (const logit of logits) {
    const logprob = logit - normalizer;
    if (logprob > -Infinity) entropy -= Math.exp(logprob) * logprob;
  }
  return entropy;
}

/**
 * Draws a token id, or -1 when every token is forbidden.
 * @param logits By id; not changed.
 * @param uniform In [0, 1); not used when greedy.
 */
export function drawToken(logits: Float64Array, options: DrawOptions, uniform: number): number {
  const biased = withBias(logits, options.bias);
  const best = argmax(biased);
  const highest = biased[best] ?? -Infinity;
  if (highest === -Infinity) return -1;
  if (options.temperature <= 0) return best;
  const candidates = nucleus(biased, options.topP ?? 1);
  const weights = new Float64Array(candidates.length);
  let sum = 0;
  for (let index = 0; index < candidates.length; index++) {
    const weight = Math.exp(((biased[candidates[index] ?? 0] ?? -Infinity) - highest) / options.temperature);
    weights[index] = weight;
    sum += weight;
  }
  const target = sum * uniform;
  let passed = 0;
  let last = best;
  for (let index = 0; index < candidates.length; index++) {
    const weight = weights[index] ?? 0;
    if (weight === 0) continue;
    passed += weight;
    last = candidates[index] ?? best;
    if (passed >= target) return last;
  }
  return last;
}

function withBias(logits: Float64Array, bias: ReadonlyMap<number, number> | undefined): Float64Array {
  if (bias === undefined || bias.size === 0) return logits;
  const biased = Float64Array.from(logits);
  for (const [id, nats] of bias) biased[id] = (biased[id] ?? -Infinity) + nats;
  return biased;
}

/** The most likely tokens that together have probability `topP`, most likely first; all of them by id when `topP` is 1. */
function nucleus(logits: Float64Array, topP: number): Uint32Array {
  const ids = Uint32Array.from(logits, (_, id) => id);
  if (topP >= 1) return ids;
  ids.sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b);
  const normalizer = logSumExp(logits);
  let passed = 0;
  for (let count = 1; count <= ids.length; count++) {
    passed += Math.exp((logits[ids[count - 1] ?? 0] ?? -Infinity) - normalizer);
    if (passed >= topP) return ids.subarray(0, count);
  }
  return ids;
}
