/** The cache of a scripted sequence: only a length. Tests look at its calls, delays and failures. */
import { linkSignals } from "../../core/async.ts";
import { tokenId, type TokenId } from "../../core/ids.ts";
import { createRng, hash32 } from "../../core/rng.ts";
import { argmax, drawToken, entropyOf, logSumExp } from "../sampling.ts";
import type {
  Drawer,
  DrawnToken,
  DrawRequest,
  EngineTokenizer,
  ScoreRequest,
  TokenBackend,
  TokenScore,
} from "../token-backend.ts";
import type { ScriptedCall, ScriptedHook } from "./scripted-faults.ts";
import { logitsOf, type ScriptedModel } from "./scripted-model.ts";

/** The parts that all sequences of one scripted engine share. */
export interface ScriptedShared {
  readonly tokenizer: EngineTokenizer;
  readonly model: ScriptedModel;
  readonly hook: ScriptedHook | undefined;
  readonly log: ScriptedCall[];
  sequences: number;
  drawn: number;
}

export class ScriptedBackend implements TokenBackend {
  readonly closing = new AbortController();
  length: number;
  calls = 0;
  readonly #shared: ScriptedShared;
  readonly #number: number;

  constructor(shared: ScriptedShared, length = 0) {
    this.#shared = shared;
    this.#number = shared.sequences++;
    this.length = length;
  }

  async read(ids: readonly TokenId[], signal?: AbortSignal): Promise<void> {
    await this.#call("read", this.length, ids.length, signal);
    this.length += ids.length;
  }

  drawer(request: DrawRequest, signal?: AbortSignal): Drawer {
    return {
      draw: async (ids, forbidden) => {
        await this.#call("draw", ids.length, 1, signal);
        this.#shared.drawn++;
        this.length = ids.length;
        return this.#draw(ids, request, forbidden);
      },
      end: async () => {},
    };
  }

  async score(
    ids: readonly TokenId[],
    from: number,
    request: ScoreRequest,
    signal?: AbortSignal,
  ): Promise<TokenScore[]> {
    await this.#call("score", from, ids.length - from, signal);
    this.length = ids.length;
    const scores: TokenScore[] = [];
    let before = request.tokenLogprobs && from > 0 ? this.#logits(ids.slice(0, from)) : undefined;
    for (let index = from; index < ids.length; index++) {
      const logits = this.#logits(ids.slice(0, index + 1));
      const normalizer = logSumExp(logits);
      const id = ids[index] ?? -1;
      scores.push({
        argmax: tokenId(argmax(logits)),
        watchLogprobs: request.watch.map((watched) => (logits[watched] ?? -Infinity) - normalizer),
        ...(before === undefined ? {} : { tokenLogprob: (before[id] ?? -Infinity) - logSumExp(before) }),
      });
      if (request.tokenLogprobs) before = logits;
    }
    return scores;
  }

  async truncate(length: number): Promise<void> {
    this.length = Math.min(this.length, length);
  }

  async fork(): Promise<ScriptedBackend> {
    return new ScriptedBackend(this.#shared, this.length);
  }

  async close(): Promise<void> {}

  #draw(
    ids: readonly TokenId[],
    request: DrawRequest,
    forbidden: ReadonlySet<TokenId> | undefined,
  ): DrawnToken {
    const logits = this.#logits(ids);
    const bias = new Map<number, number>(request.bias);
    for (const id of forbidden ?? []) bias.set(id, -Infinity);
    const uniform = createRng(hash32(String(ids.length), request.sampling.seed)).next();
    const id = drawToken(logits, { ...request.sampling, bias }, uniform);
    if (id < 0) throw new Error("every token is forbidden");
    return {
      id: tokenId(id),
      ...(request.logprob ? { logprob: (logits[id] ?? -Infinity) - logSumExp(logits) } : {}),
      ...(request.logprob || request.entropy ? { entropy: entropyOf(logits) } : {}),
    };
  }

  #logits(ids: readonly TokenId[]): Float64Array {
    const { tokenizer, model } = this.#shared;
    return logitsOf(model({ ids, text: tokenizer.decode(ids), tokenizer }), tokenizer);
  }

  async #call(
    kind: ScriptedCall["kind"],
    position: number,
    tokens: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { hook, log, drawn } = this.#shared;
    const link = linkSignals(this.closing.signal, signal);
    const call: ScriptedCall = { kind, sequence: this.#number, position, tokens, drawn, signal: link.signal };
    log.push(call);
    this.calls++;
    try {
      await hook?.(call);
      // A real engine answers after a turn of the event loop at the earliest. A test that relies on less would pass by luck.
      if (hook === undefined) await new Promise((resolve) => setImmediate(resolve));
    } finally {
      link.release();
    }
  }
}
