/** One native sampler for a whole generation: draws from logits that are in the context. */
import { tokenId } from "../../core/ids.ts";
import type { DrawnToken, DrawRequest } from "../token-backend.ts";
import type { NativeSampler, SamplerConfig, SequenceInternals } from "./internals.ts";

const SMALLEST_NORMAL = 2 ** -126;

export class NativeSampling {
  readonly #internals: SequenceInternals;
  readonly #request: DrawRequest;
  readonly #sampler: NativeSampler;
  readonly #config: SamplerConfig;
  /** Reads log-probabilities at temperature 1 without bias, from a copy of the logits that the sampler does not change. */
  readonly #witness: NativeSampler | undefined;
  /** Whether the sampler's probability is the model's: temperature 1, no bias, no nucleus. That saves a call for each token. */
  readonly #isPlain: boolean;
  readonly #seedOf: (position: number) => number;

  /** @param seedOf Seed of the draw at a position. */
  constructor(internals: SequenceInternals, request: DrawRequest, seedOf: (position: number) => number) {
    this.#internals = internals;
    this.#request = request;
    this.#seedOf = seedOf;
    const { temperature, topP } = request.sampling;
    this.#config = temperature <= 0 ? { temperature: 0 } : { temperature, topP: topP ?? 1 };
    if (request.bias.size > 0) {
      this.#config.tokenBiasKeys = Uint32Array.from(request.bias.keys());
      this.#config.tokenBiasValues = Float32Array.from(request.bias.values());
    }
    this.#sampler = internals.createSampler();
    this.#sampler.applyConfig(this.#config);
    this.#isPlain = temperature === 1 && (topP ?? 1) === 1 && request.bias.size === 0;
    if (request.logprob && !this.#isPlain) {
      this.#witness = internals.createSampler();
      this.#witness.applyConfig({ temperature: 0 });
    }
  }

  /** Draws from the logits at an index of the batch. @param position Tokens before the one drawn; it sets the seed. */
  async draw(logitIndex: number, position: number): Promise<DrawnToken> {
    const { native } = this.#internals;
    if (this.#request.sampling.temperature > 0) {
      this.#config.seed = this.#seedOf(position);
      this.#sampler.applyConfig(this.#config);
    }
    if (this.#request.logprob && this.#isPlain) {
      const [id, , probability] = await native.sampleToken(logitIndex, this.#sampler, false, true);
      if (id < 0 || probability === undefined) throw new Error("llama.cpp drew no token");
      // Single precision may give 0 for the least likely tokens.
      return { id: tokenId(id), logprob: Math.log(Math.max(probability, SMALLEST_NORMAL)) };
    }
    const token = await native.sampleToken(logitIndex, this.#sampler);
    if (token < 0) throw new Error("llama.cpp drew no token");
    if (this.#witness === undefined) return { id: tokenId(token) };
    const seen = await native.sampleToken(
      logitIndex,
      this.#witness,
      false,
      false,
      [[token], false, false, true, 0],
      true,
    );
    return { id: tokenId(token), logprob: logprobOf(token, seen[0], seen[3], seen[4]) };
  }

  dispose(): void {
    this.#sampler.dispose();
    this.#witness?.dispose();
  }
}

/** Log-probability of a token. @param logits Pairs of token and logit, for that token and the most likely one. */
function logprobOf(
  token: number,
  likeliest: number,
  logits: number[] | undefined,
  weight: number | undefined,
): number {
  const logitOf = (wanted: number): number => {
    for (let at = 0; at + 1 < (logits?.length ?? 0); at += 2)
      if (logits?.[at] === wanted) return logits[at + 1] ?? NaN;
    return NaN;
  };
  return logitOf(token) - logitOf(likeliest) - Math.log(weight ?? NaN);
}
