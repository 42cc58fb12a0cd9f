/** The part of a model server that all dialects share: slots, reading prompts, decoding, and an account of it. */
import type { TokenId } from "../../../src/core/ids.ts";
import { Pacer, type Pace } from "./pace.ts";
import { Sampler, type ServerSampling } from "./sampler.ts";
import type { ServedModel } from "./served-model.ts";
import { type Lease, SlotPool, type SlotPoolOptions } from "./slot-pool.ts";

/** Work since the server started, in tokens. */
export interface ServerWork {
  /** Prompt tokens that the model read, including those read again because no cache had them. */
  readonly prefilled: number;
  /** Prompt tokens found in the prefix cache. */
  readonly cached: number;
  readonly decoded: number;
  /** The part of these that was decoded for a client that had already left. */
  readonly abandoned: number;
}

export interface RequestAccount {
  prompt: number;
  cached: number;
  prefilled: number;
  decoded: number;
}

export interface RunOptions {
  readonly sampling: ServerSampling;
  readonly maxTokens: number;
  /** Tokens that end the generation, besides the ends of the turn. */
  readonly stopIds: ReadonlySet<number>;
  readonly ignoreEnd: boolean;
  /** Position from which on the prefix cache is not used: the rest is read again, because its logits are needed. */
  readonly knownAtMost?: number;
  /** Logits wanted after how many of the prompt's last tokens; at least 1. */
  readonly promptLogits?: number;
}

type RunEnd =
  | { readonly type: "stop-token" | "end-of-turn"; readonly id: TokenId }
  | { readonly type: "limit" | "context-full" };

export interface RunToken {
  readonly id: TokenId;
  /** The logits it was drawn from, before bias and temperature. */
  readonly logits: Float64Array;
  /** Set when it is the last one. */
  readonly end?: RunEnd;
}

export interface Run {
  readonly slot: number;
  readonly account: RequestAccount;
  readonly promptLogits: readonly Float64Array[];
  /** Decodes; a token is drawn when it is asked for. To be consumed or returned, which frees the slot. */
  readonly tokens: AsyncGenerator<RunToken, void, undefined>;
}

export interface ServingOptions extends SlotPoolOptions {
  readonly pace?: Pace;
  /** Tokens that one entry of the prefix cache holds: 16 for vLLM. */
  readonly cacheBlock: number;
}

export class Serving {
  readonly model: ServedModel;
  readonly slots: number;
  readonly #pool: SlotPool;
  readonly #pacer: Pacer | undefined;
  readonly #cacheBlock: number;
  readonly #work = { prefilled: 0, cached: 0, decoded: 0, abandoned: 0 };

  constructor(model: ServedModel, options: ServingOptions) {
    this.model = model;
    this.slots = options.slots;
    this.#pool = new SlotPool(model, options);
    this.#pacer = options.pace === undefined ? undefined : new Pacer(options.pace);
    this.#cacheBlock = options.cacheBlock;
  }

  get work(): ServerWork {
    return { ...this.#work };
  }

  /** Requests that hold a slot now. */
  get busy(): number {
    return this.#pool.busy;
  }

  /** Reads the prompt, which has at least one token and fits. */
  async run(ids: readonly TokenId[], options: RunOptions, signal: AbortSignal): Promise<Run> {
    const lease = await this.#pool.take(ids, signal);
    try {
      const wanted = Math.max(1, options.promptLogits ?? 1);
      const usable = Math.min(lease.known, options.knownAtMost ?? Infinity, ids.length - wanted);
      const cached = usable - (usable % this.#cacheBlock);
      const account = { prompt: ids.length, cached, prefilled: ids.length - cached, decoded: 0 };
      await lease.slot.truncate(cached);
      await this.#pacer?.prefill(account.prefilled, signal);
      const promptLogits = await lease.slot.read(ids.slice(cached), wanted);
      this.#work.cached += cached;
      this.#work.prefilled += account.prefilled;
      signal.throwIfAborted();
      const tokens = this.#decode(lease, promptLogits.at(-1), options, account, signal);
      return { slot: lease.index, account, promptLogits, tokens };
    } catch (error) {
      lease.release();
      throw error;
    }
  }

  async *#decode(
    lease: Lease,
    first: Float64Array | undefined,
    options: RunOptions,
    account: RequestAccount,
    signal: AbortSignal,
  ): AsyncGenerator<RunToken, void, undefined> {
    try {
      const { tokenizer, contextSize } = this.model;
      const sampler = new Sampler(options.sampling);
      const clock = this.#pacer?.decoding();
      let logits = first;
      while (account.decoded < options.maxTokens && logits !== undefined) {
        // A turn of the event loop for each token, as from a real server: what was sent goes out, and who left is noticed.
        if (clock === undefined) await new Promise((resolve) => setImmediate(resolve));
        else await clock.tick(signal);
        signal.throwIfAborted();
        const id = sampler.draw(logits);
        account.decoded++;
        this.#work.decoded++;
        const position = account.prompt + account.decoded;
        const end: RunEnd | undefined = options.stopIds.has(id)
          ? { type: "stop-token", id }
          : tokenizer.endsTurn(id) && !options.ignoreEnd
            ? { type: "end-of-turn", id }
            : account.decoded >= options.maxTokens
              ? { type: "limit" }
              : position >= contextSize
                ? { type: "context-full" }
                : undefined;
        yield { id, logits, ...(end === undefined ? {} : { end }) };
        if (end !== undefined) return;
        [logits] = await lease.slot.read([id], 1);
      }
    } finally {
      if (signal.aborted) this.#work.abandoned++;
      lease.release();
    }
  }
}
