/**
 * Draws from a streaming request: the server runs ahead, and closing the connection stops it. If the sequence rejects the token that it
 * was given, or tokens are forbidden at one place, the drawer makes another request.
 */
import type { TokenId } from "../../core/ids.ts";
import { hash32 } from "../../core/rng.ts";
import type { Drawer, DrawnToken, DrawRequest } from "../token-backend.ts";
import type { GenerationRequest } from "./servers/dialect.ts";
import type { HttpBackend } from "./http-backend.ts";
import { type LinkedSignal, linkSignals } from "../../core/async.ts";
import { ContextOverflowError, HttpEngineError } from "./transport/http-errors.ts";
import { stopTokenOf } from "./tokens/http-tokenizer.ts";
import { TokenStream } from "./token-stream.ts";

/** Extra tokens to ask for if a server reports none while a code point is incomplete. */
const PARTS_OF_CODE_POINT = 4;

export class HttpDrawer implements Drawer {
  readonly #backend: HttpBackend;
  readonly #request: DrawRequest;
  readonly #link: LinkedSignal;
  #stream: TokenStream | undefined;
  #last: TokenId | undefined;
  #left: number;

  constructor(backend: HttpBackend, request: DrawRequest, signal: AbortSignal | undefined) {
    this.#backend = backend;
    this.#request = request;
    this.#left = request.maxTokens;
    this.#link = linkSignals(backend.closing.signal, signal);
  }

  async draw(ids: readonly TokenId[], forbidden?: ReadonlySet<TokenId>): Promise<DrawnToken | undefined> {
    const backend = this.#backend;
    backend.reach(ids);
    const continues =
      forbidden === undefined &&
      this.#stream?.length === ids.length &&
      (this.#last === undefined || ids.at(-1) === this.#last);
    if (!continues) this.#stop();
    try {
      const drawn = await this.#next(ids, forbidden);
      if (drawn !== undefined) {
        this.#last = drawn.id;
        this.#left--;
        backend.warmUps.note(ids.length);
      }
      if (forbidden !== undefined) this.#stop();
      return drawn;
    } catch (error) {
      this.#stop();
      if (error instanceof ContextOverflowError) return undefined;
      throw error;
    }
  }

  async end(): Promise<void> {
    this.#stop();
    this.#link.release();
  }

  #stop(): void {
    this.#stream?.close();
    this.#stream = undefined;
    this.#last = undefined;
  }

  async #next(
    ids: readonly TokenId[],
    forbidden: ReadonlySet<TokenId> | undefined,
  ): Promise<DrawnToken | undefined> {
    const wanted = forbidden === undefined ? Math.max(1, this.#left) : 1;
    let extra = 0;
    let resumed = false;
    for (;;) {
      const stream = (this.#stream ??= await this.#open(ids, forbidden, wanted + extra));
      let drawn: DrawnToken | undefined;
      try {
        drawn = await stream.next();
      } catch (error) {
        // In mid-stream: another server of the pool may continue from here, once.
        if (resumed || this.#link.signal.aborted || !this.#canResume(error)) throw error;
        resumed = true;
        this.#stop();
        continue;
      }
      if (drawn !== undefined) return drawn;
      if (stream.isContextFull) return undefined;
      // It gave as many as it was asked for, and more are wanted. Or it gave none, since a code point is incomplete.
      if (stream.count === 0) extra += PARTS_OF_CODE_POINT;
      this.#stop();
      if (extra > 2 * PARTS_OF_CODE_POINT) {
        throw new HttpEngineError(
          `${this.#backend.route.url}: it ended without a token and without saying why.`,
          {
            code: "engine-failed",
            retryable: true,
          },
        );
      }
    }
  }

  #canResume(error: unknown): boolean {
    if (!(error instanceof HttpEngineError) || !error.elsewhere) return false;
    return this.#backend.route.leave();
  }

  async #open(
    ids: readonly TokenId[],
    forbidden: ReadonlySet<TokenId> | undefined,
    wanted: number,
  ): Promise<TokenStream> {
    const { tokenizer, model, route, warmUps } = this.#backend;
    await warmUps.settle();
    for (const id of forbidden ?? []) await tokenizer.identify?.(id, this.#link.signal);
    let maxTokens = wanted;
    for (;;) {
      const request = this.#requestFor(ids, forbidden, maxTokens);
      const wire = model.dialect.generation(request);
      this.#backend.noteRequest(ids.length);
      try {
        const stream = await route.stream(wire, model.dialect.format, this.#link.signal);
        return new TokenStream(this.#backend, stream, request, {
          start: ids.length,
          stops: this.#request.stops,
          signal: this.#link.signal,
        });
      } catch (error) {
        // The context may have room for fewer tokens than were asked for. Only ids tell exactly how many.
        const isById = tokenizer.promptOf([]).kind === "ids";
        if (!(error instanceof ContextOverflowError) || isById || maxTokens === 1) throw error;
        maxTokens = Math.max(1, Math.floor(maxTokens / 4));
      }
    }
  }

  #requestFor(
    ids: readonly TokenId[],
    forbidden: ReadonlySet<TokenId> | undefined,
    maxTokens: number,
  ): GenerationRequest {
    const { tokenizer } = this.#backend;
    const { sampling, stops, logprob } = this.#request;
    const bias = new Map<number, number>();
    const add = (id: TokenId, nats: number): void => {
      const known = tokenizer.serverId(id);
      if (known !== undefined) bias.set(known, (bias.get(known) ?? 0) + nats);
      else if (nats !== 0) this.#cannotBias(id);
    };
    for (const [id, nats] of this.#request.bias) add(id, nats);
    for (const id of forbidden ?? []) add(id, -Infinity);
    return {
      prompt: tokenizer.promptOf(ids),
      maxTokens,
      temperature: sampling.temperature,
      topP: sampling.topP ?? 1,
      seed: hash32(String(ids.length), sampling.seed) >>> 1,
      bias,
      stops: [...stops].map((id) => stopTokenOf(tokenizer, id)),
      logprobs: logprob,
    };
  }

  #cannotBias(id: TokenId): never {
    const text = JSON.stringify(Buffer.from(this.#backend.tokenizer.bytes(id)).toString("utf8"));
    throw new HttpEngineError(
      `${this.#backend.route.url}: ${text} cannot be biased, since its token id is not known; give the model's tokenizer.json ` +
        `with tokenizer in the engine spec.`,
      { code: "engine-failed", retryable: false },
    );
  }
}
