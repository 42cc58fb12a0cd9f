/**
 * The ways to draw a token. All of them draw the same tokens. The fastest is the native sampler. Without access to it, greedy draws use the
 * library's own loop, and others its sampler with a seed for each position. Entropies need all logits.
 */
import { TokenBias, type SequenceEvaluateOptions, type Token } from "node-llama-cpp";

import { tokenId, type TokenId } from "../../core/ids.ts";
import { hash32 } from "../../core/rng.ts";
import { drawToken, entropyOf, logSumExp } from "../sampling.ts";
import type { Drawer, DrawnToken, DrawRequest } from "../token-backend.ts";
import { DraftedDrawer } from "./drafted-drawer.ts";
import { asTokens, type LlamaCache } from "./llama-cache.ts";
import { asLlamaSeed, firstUniform } from "./mersenne.ts";
import { NativeDrawer } from "./native-drawer.ts";
import { NativeSampling } from "./native-sampling.ts";

export function createDrawer(cache: LlamaCache, request: DrawRequest): Drawer {
  if (request.entropy) return new DistributionDrawer(cache, request);
  const { model } = cache.sequence;
  // The library refuses to bias an end of the turn.
  const biasesEnd = [...request.bias.keys()].some((id) => model.isEogToken(id as number as Token));
  const internals = cache.internals;
  if (internals !== undefined) {
    const seedOf = (position: number): number => positionSeed(request.sampling.seed, position);
    const sampling = new NativeSampling(internals, request, seedOf);
    const careful = (): Drawer =>
      biasesEnd || request.logprob
        ? new DistributionDrawer(cache, request)
        : new SamplerDrawer(cache, request);
    const { drafter } = request;
    return drafter === undefined
      ? new NativeDrawer(cache, internals, sampling, careful)
      : new DraftedDrawer(cache, internals, sampling, { ...request, drafter }, careful);
  }
  const isGreedy = request.sampling.temperature <= 0;
  const isCertainLogprob = isGreedy && request.bias.size === 0;
  if (biasesEnd || (request.logprob && !isCertainLogprob)) return new DistributionDrawer(cache, request);
  return isGreedy && !request.logprob ? new GreedyDrawer(cache, request) : new SamplerDrawer(cache, request);
}

function tokenBiasOf(cache: LlamaCache, bias: ReadonlyMap<TokenId, number>): TokenBias | undefined {
  if (bias.size === 0) return undefined;
  const tokenBias = TokenBias.for(cache.sequence.model);
  for (const [id, nats] of bias)
    tokenBias.set(id as number as Token, nats === -Infinity ? "never" : { logit: nats });
  return tokenBias;
}

/** Greedy draws from the library's loop. The loop is started again if the sequence rejected the token that it gave. */
class GreedyDrawer implements Drawer {
  readonly #cache: LlamaCache;
  readonly #request: DrawRequest;
  readonly #options: SequenceEvaluateOptions;
  #run: AsyncGenerator<{ token: Token }, void> | undefined;
  #length = -1;
  #last: TokenId | undefined;

  constructor(cache: LlamaCache, request: DrawRequest) {
    this.#cache = cache;
    this.#request = request;
    const tokenBias = tokenBiasOf(cache, request.bias);
    this.#options = {
      temperature: 0,
      yieldEogToken: true,
      ...(tokenBias === undefined ? {} : { tokenBias }),
    };
  }

  async draw(ids: readonly TokenId[], forbidden?: ReadonlySet<TokenId>): Promise<DrawnToken> {
    const cache = this.#cache;
    if (forbidden !== undefined) {
      await this.end();
      return new SamplerDrawer(cache, this.#request).draw(ids, forbidden);
    }
    const goesOn =
      ids.length === this.#length + 1 && ids.at(-1) === this.#last && cache.length === this.#length;
    if (!goesOn) await this.end();
    this.#run ??= cache.sequence.evaluateWithMetadata(asTokens(ids.slice(cache.length)), {}, this.#options);
    const run = this.#run;
    const step = await cache.call(() => run.next());
    if (step.done === true) throw new Error("llama.cpp ended without a token");
    this.#length = ids.length;
    this.#last = tokenId(step.value.token);
    return { id: this.#last };
  }

  async end(): Promise<void> {
    const run = this.#run;
    this.#run = undefined;
    this.#length = -1;
    await run?.return();
  }
}

/** One call for each token, with a seed of its own. So the tokens do not depend on how a generation is cut into calls. */
class SamplerDrawer implements Drawer {
  readonly #cache: LlamaCache;
  readonly #request: DrawRequest;
  readonly #tokenBias: TokenBias | undefined;

  constructor(cache: LlamaCache, request: DrawRequest) {
    this.#cache = cache;
    this.#request = request;
    this.#tokenBias = tokenBiasOf(cache, request.bias);
  }

  async draw(ids: readonly TokenId[], forbidden?: ReadonlySet<TokenId>): Promise<DrawnToken> {
    const cache = this.#cache;
    const { sampling, logprob } = this.#request;
    // The token drawn here before is forbidden now. The logits are gone, so the last token is read again.
    if (cache.length === ids.length) await cache.truncate(ids.length - 1);
    if (cache.length < ids.length - 1) await cache.read(ids.slice(cache.length, -1));
    const tokenBias = forbidden === undefined ? this.#tokenBias : this.#alsoWithout(forbidden);
    const isGreedy = sampling.temperature <= 0;
    const [result] = await cache.call(() =>
      cache.sequence.controlledEvaluate([
        [
          ids.at(-1) as number as Token,
          {
            generateNext: {
              token: true,
              totalLogitWeight: logprob,
              options: {
                temperature: sampling.temperature,
                topP: sampling.topP ?? 1,
                minP: 0,
                // Left out entirely, although the type demands a number: 0 would sort the whole vocabulary.
                topK: null as unknown as number,
                seed: isGreedy ? 0 : positionSeed(sampling.seed, ids.length),
                ...(tokenBias === undefined ? {} : { tokenBias }),
              },
            },
          },
        ],
      ]),
    );
    const token = result?.next.token;
    if (token === undefined || token === null) throw new Error("llama.cpp drew no token");
    const weight = result?.next.totalLogitWeight;
    // The draw is greedy, so the token has the highest logit. The weight relates to that.
    return { id: tokenId(token), ...(logprob && weight !== undefined ? { logprob: -Math.log(weight) } : {}) };
  }

  async end(): Promise<void> {}

  #alsoWithout(forbidden: ReadonlySet<TokenId>): TokenBias | undefined {
    const bias = new Map(this.#request.bias);
    for (const id of forbidden) bias.set(id, -Infinity);
    return tokenBiasOf(this.#cache, bias);
  }
}

/** Draws from all logits in this process. Costs about a microsecond for each token of the vocabulary. */
class DistributionDrawer implements Drawer {
  readonly #cache: LlamaCache;
  readonly #request: DrawRequest;
  #logits: Float64Array | undefined;
  #length = -1;

  constructor(cache: LlamaCache, request: DrawRequest) {
    this.#cache = cache;
    this.#request = request;
  }

  async draw(ids: readonly TokenId[], forbidden?: ReadonlySet<TokenId>): Promise<DrawnToken> {
    if (forbidden === undefined || this.#logits === undefined || this.#length !== ids.length) {
      this.#logits = await this.#read(ids);
      this.#length = ids.length;
    }
    const logits = this.#logits;
    const { sampling } = this.#request;
    const bias = new Map<number, number>(this.#request.bias);
    for (const id of forbidden ?? []) bias.set(id, -Infinity);
    const uniform = sampling.temperature <= 0 ? 0 : firstUniform(positionSeed(sampling.seed, ids.length));
    const id = drawToken(logits, { ...sampling, bias }, uniform);
    if (id < 0) throw new Error("every token is forbidden");
    return {
      id: tokenId(id),
      ...(this.#request.logprob ? { logprob: (logits[id] ?? -Infinity) - logSumExp(logits) } : {}),
      ...(this.#request.entropy || this.#request.logprob ? { entropy: entropyOf(logits) } : {}),
    };
  }

  async end(): Promise<void> {}

  async #read(ids: readonly TokenId[]): Promise<Float64Array> {
    const cache = this.#cache;
    // Another drawer has drawn at this place, so the last token is read again.
    if (cache.length === ids.length) await cache.truncate(ids.length - 1);
    await cache.read(ids.slice(cache.length, -1));
    const [result] = await cache.call(() =>
      cache.sequence.controlledEvaluate([
        [ids.at(-1) as number as Token, { generateNext: { logits: true, options: { temperature: 0 } } }],
      ]),
    );
    if (result?.next.logits === undefined) throw new Error("llama.cpp gave no logits");
    const logits = new Float64Array(cache.shared.vocabularySize).fill(-Infinity);
    for (const [token, logit] of result.next.logits) logits[token] = logit;
    return logits;
  }
}

/** Seed of the draw at a position. It depends on the generation's seed and the position only. */
const positionSeed = (seed: number, position: number): number => asLlamaSeed(hash32(String(position), seed));
