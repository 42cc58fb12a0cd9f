/** A server's own sampling: raw logits in, one token out, a random stream for each request. */
import { tokenId, type TokenId } from "../../../src/core/ids.ts";
import { createRng } from "../../../src/core/rng.ts";
import { drawToken, logSumExp } from "../../../src/engines/sampling.ts";

export interface ServerSampling {
  /** 0 is greedy. */
  readonly temperature: number;
  readonly topP: number;
  /** 0: all. */
  readonly topK: number;
  /** Tokens less likely than this times the likeliest are out. */
  readonly minP: number;
  /** Nats by id; `-Infinity` forbids. */
  readonly bias: ReadonlyMap<number, number>;
  /** Undefined: chance, as with a server that was given none. */
  readonly seed: number | undefined;
}

export class Sampler {
  readonly #sampling: ServerSampling;
  readonly #next: () => number;

  constructor(sampling: ServerSampling) {
    this.#sampling = sampling;
    const rng = sampling.seed === undefined ? undefined : createRng(sampling.seed);
    this.#next = rng === undefined ? Math.random : () => rng.next();
  }

  draw(logits: Float64Array): TokenId {
    const { temperature, topP, topK, minP, bias } = this.#sampling;
    const uniform = this.#next();
    const kept = temperature <= 0 ? logits : withoutUnlikely(logits, topK, minP);
    const id = drawToken(kept, { temperature, topP, bias }, uniform);
    if (id < 0) throw new Error("every token is forbidden");
    return tokenId(id);
  }
}

function withoutUnlikely(logits: Float64Array, topK: number, minP: number): Float64Array {
  const highest = Math.max(...logits);
  const floorByP = minP > 0 ? highest + Math.log(minP) : -Infinity;
  const kth = topK > 0 && topK < logits.length ? logits.toSorted().at(-topK) : undefined;
  const floor = Math.max(floorByP, kth ?? -Infinity);
  return logits.map((logit) => (logit < floor ? -Infinity : logit));
}

export interface RankedToken {
  readonly id: TokenId;
  readonly logprob: number;
}

/** Log-probabilities at temperature 1 and without bias. */
export function logprobsOf(logits: Float64Array): Float64Array {
  const normalizer = logSumExp(logits);
  return logits.map((logit) => logit - normalizer);
}

/** The `count` likeliest tokens, likeliest first. */
export function likeliest(logprobs: Float64Array, count: number): RankedToken[] {
  return [...logprobs.keys()]
    .sort((a, b) => (logprobs[b] ?? 0) - (logprobs[a] ?? 0) || a - b)
    .slice(0, count)
    .map((id) => ({ id: tokenId(id), logprob: logprobs[id] ?? -Infinity }));
}
