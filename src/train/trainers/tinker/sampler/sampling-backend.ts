/**
 * A sequence on a trainer server. The server keeps nothing between requests, so the tokens read so far are only counted here. After an
 * abort the server finishes its request, and nobody waits for it.
 */
import { unlessAborted } from "../../../../core/async.ts";
import { EngineError } from "../../../../core/errors.ts";
import { type TokenId, tokenId } from "../../../../core/ids.ts";
import { hash32 } from "../../../../core/rng.ts";
import type {
  Drawer,
  DrawnToken,
  DrawRequest,
  ScoreRequest,
  TokenBackend,
  TokenScore,
} from "../../../../engines/token-backend.ts";
import { drawBiased } from "./biased-draw.ts";
import { scoreTargets } from "./close-scores.ts";
import type { PolicySource } from "./policy-source.ts";

/** An id of no vocabulary. It stands for a token about which only this is known: it is none of those asked about. */
const SOME_OTHER_TOKEN = tokenId(-1);

/** The few lengths that requests ask for. A server that compiles for each new length would otherwise do little else. */
const LENGTHS = [1, 8, 64, 256, 1024, 4096, 16_384];

/** The shortest length that is enough; or the longest that fits, after which another request continues. */
function requestLength(most: number, room: number): number {
  const enough = LENGTHS.find((length) => length >= most) ?? most;
  return enough <= room ? enough : (LENGTHS.findLast((length) => length <= room) ?? 1);
}

export interface SamplingLimits {
  readonly contextSize: number;
  /** Tokens that end the turn. The server stops there as well. */
  readonly turnEnds: readonly TokenId[];
}

export class SamplingBackend implements TokenBackend {
  calls = 0;
  #length: number;
  readonly #source: PolicySource;
  readonly #limits: SamplingLimits;

  constructor(source: PolicySource, limits: SamplingLimits, length = 0) {
    this.#source = source;
    this.#limits = limits;
    this.#length = length;
  }

  get length(): number {
    return this.#length;
  }

  async read(ids: readonly TokenId[]): Promise<void> {
    this.#length += ids.length;
  }

  drawer(request: DrawRequest, signal?: AbortSignal): Drawer {
    return new SamplingDrawer(request, {
      contextSize: this.#limits.contextSize,
      sample: (ids, most) => this.#sample(ids, most, request, signal),
      biased: async (ids, forbidden) => {
        this.calls++;
        return await unlessAborted(
          drawBiased(this.#source, ids, request, forbidden, seedOf(request, ids)),
          signal,
        );
      },
      reached: (length) => {
        this.#length = Math.max(this.#length, length);
      },
    });
  }

  async score(
    ids: readonly TokenId[],
    from: number,
    request: ScoreRequest,
    signal?: AbortSignal,
  ): Promise<readonly (TokenScore | undefined)[]> {
    const isAsked = request.watch.length > 0 || request.tokenLogprobs;
    if (isAsked) this.calls++;
    const scores = isAsked
      ? await unlessAborted(scoreTargets(this.#source, ids, from, request, SOME_OTHER_TOKEN), signal)
      : ids.slice(from).map(() => ({ argmax: SOME_OTHER_TOKEN, watchLogprobs: [] }));
    this.#length = ids.length;
    return scores;
  }

  async truncate(length: number): Promise<void> {
    this.#length = Math.min(this.#length, length);
  }

  async fork(): Promise<SamplingBackend> {
    return new SamplingBackend(this.#source, this.#limits, this.#length);
  }

  async close(): Promise<void> {}

  async #sample(
    ids: readonly TokenId[],
    most: number,
    request: DrawRequest,
    signal: AbortSignal | undefined,
  ): Promise<readonly DrawnToken[]> {
    this.calls++;
    const stops = new Set([...request.stops, ...this.#limits.turnEnds]);
    const [sequence] = await unlessAborted(
      this.#source.sample({
        prompt: ids,
        maxTokens: requestLength(most, this.#limits.contextSize - ids.length),
        samples: 1,
        temperature: request.sampling.temperature,
        topP: request.sampling.topP ?? 1,
        seed: seedOf(request, ids),
        stops: [...stops],
      }),
      signal,
    );
    const tokens = sequence?.tokens ?? [];
    const last = tokens.at(-1);
    const endsAsTold = sequence?.stopped !== true || (last !== undefined && stops.has(tokenId(last)));
    if (last === undefined || !endsAsTold) {
      throw new EngineError(
        `the trainer server's sampler leaves out the token that it stopped at (it sent ${tokens.length}), so that a tag cannot be told from an end; ` +
          "name another sampler in --trainer.",
        { code: "engine-failed" },
      );
    }
    return tokens.slice(0, most).map((id, index): DrawnToken => {
      const logprob = sequence?.logprobs?.[index];
      return { id: tokenId(id), ...(logprob === undefined ? {} : { logprob }) };
    });
  }
}

const seedOf = (request: DrawRequest, ids: readonly TokenId[]): number =>
  hash32(`draw ${ids.length}`, request.sampling.seed) & 0x7fffffff;

interface Draws {
  readonly contextSize: number;
  readonly sample: (ids: readonly TokenId[], most: number) => Promise<readonly DrawnToken[]>;
  readonly biased: (ids: readonly TokenId[], forbidden: ReadonlySet<TokenId>) => Promise<DrawnToken>;
  readonly reached: (length: number) => void;
}

class SamplingDrawer implements Drawer {
  readonly #request: DrawRequest;
  readonly #draws: Draws;
  #queue: DrawnToken[] = [];
  /** Length of the context that the queued tokens follow. */
  #queueAt = -1;
  #drawn = 0;

  constructor(request: DrawRequest, draws: Draws) {
    this.#request = request;
    this.#draws = draws;
  }

  async draw(ids: readonly TokenId[], forbidden?: ReadonlySet<TokenId>): Promise<DrawnToken | undefined> {
    if (ids.length >= this.#draws.contextSize) return undefined;
    const isBiased = this.#request.bias.size > 0 || (forbidden !== undefined && forbidden.size > 0);
    if (isBiased || this.#queueAt !== ids.length || this.#queue.length === 0) {
      this.#queue = isBiased
        ? [await this.#draws.biased(ids, forbidden ?? new Set())]
        : [...(await this.#draws.sample(ids, Math.max(1, this.#request.maxTokens - this.#drawn)))];
    }
    const token = this.#queue.shift();
    this.#queueAt = ids.length + 1;
    this.#drawn++;
    this.#draws.reached(ids.length);
    return token;
  }

  async end(): Promise<void> {
    this.#queue = [];
  }
}
