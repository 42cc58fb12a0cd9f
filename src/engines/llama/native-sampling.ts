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

  async #witnessed(logitIndex: number, sampler: NativeSampler, wanted?: number): Promise<DrawnToken> {
    const { argmax, logprobOf } = await readLogprobs(
      this.#internals,
      sampler,
      logitIndex,
      wanted === undefined ? [] : [wanted],
    );
    const token = wanted ?? argmax;
    return { id: tokenId(token), logprob: logprobOf(token) };
  }
}

/** Log-probabilities after a token, in nats at temperature 1. */
export interface Logprobs {
  /** The most likely token. */
  readonly argmax: number;
  /** NaN for tokens that were not asked for. */
  readonly logprobOf: (token: number) => number;
}

/** Reads the log-probabilities of some tokens, without sorting the vocabulary. @param greedy A sampler at temperature 0, without bias. */
export async function readLogprobs(
  { native }: SequenceInternals,
  greedy: NativeSampler,
  logitIndex: number,
  tokens: readonly number[],
): Promise<Logprobs> {
  const [argmax, , , pairs, weight] = await native.sampleToken(
    logitIndex,
    greedy,
    false,
    false,
    [tokens, false, false, true, 0],
    true,
  );
  if (argmax < 0 || pairs === undefined || weight === undefined) throw new Error("llama.cpp gave no logits");
  const logits = new Map<number, number>();
  for (let at = 0; at + 1 < pairs.length; at += 2) logits.set(pairs[at] ?? -1, pairs[at + 1] ?? NaN);
  // The weight relates to the highest logit.
  const normalizer = (logits.get(argmax) ?? NaN) + Math.log(weight);
  return { argmax, logprobOf: (token) => (logits.get(token) ?? NaN) - normalizer };
}
