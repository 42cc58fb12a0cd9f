/** One native sampler for a whole generation: draws from logits that are in the context. */
import { tokenId } from "../../core/ids.ts";
import type { DrawnToken, DrawRequest } from "../token-backend.ts";
import type { NativeSampler, SamplerConfig, SequenceInternals } from "./internals.ts";

export class NativeSampling {
  readonly #internals: SequenceInternals;
  readonly #request: DrawRequest;
  readonly #sampler: NativeSampler;
  readonly #config: SamplerConfig;
  /**
   * Reads log-probabilities at temperature 1 without bias, from a copy of the logits that the sampler does not change. A plain greedy sampler
   * is its own witness. The library's other way, a "confidence", sorts the whole vocabulary for each token.
   */
  readonly #witness: NativeSampler | undefined;
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
    if (!request.logprob) return;
    if (temperature <= 0 && request.bias.size === 0) {
      this.#witness = this.#sampler;
    } else {
      this.#witness = internals.createSampler();
      this.#witness.applyConfig({ temperature: 0 });
    }
  }

  /** Draws from the logits at an index of the batch. @param position Tokens before the one drawn; it sets the seed. */
  async draw(logitIndex: number, position: number): Promise<DrawnToken> {
    if (this.#request.sampling.temperature > 0) {
      this.#config.seed = this.#seedOf(position);
      this.#sampler.applyConfig(this.#config);
    }
    if (this.#witness === this.#sampler) return this.#witnessed(logitIndex, this.#sampler);
    const token = await this.#internals.native.sampleToken(logitIndex, this.#sampler);
    if (token < 0) throw new Error("llama.cpp drew no token");
    return this.#witness === undefined
      ? { id: tokenId(token) }
      : this.#witnessed(logitIndex, this.#witness, token);
  }

  dispose(): void {
    this.#sampler.dispose();
    if (this.#witness !== this.#sampler) this.#witness?.dispose();
  }

  /** Reads the log-probability of a token. @param wanted The token; by default the most likely one. */
  async #witnessed(logitIndex: number, witness: NativeSampler, wanted?: number): Promise<DrawnToken> {
    const filter = [wanted === undefined ? [] : [wanted], false, false, true, 0] as const;
    const [likeliest, , , logits, weight] = await this.#internals.native.sampleToken(
      logitIndex,
      witness,
      false,
      false,
      filter,
      true,
    );
    if (likeliest < 0) throw new Error("llama.cpp drew no token");
    const token = wanted ?? likeliest;
    return { id: tokenId(token), logprob: logprobOf(token, likeliest, logits, weight) };
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
