/** Reads the big model's tokens in chunks, so that one chunk can be decoded while the small model reads the one before. */
import type { Clock } from "../core/clock.ts";
import type { GenerateEnd, GenerateEvent, GenerateOptions } from "../engines/engine.ts";
import type { SegmentToken } from "./events.ts";
import type { ModelContext } from "./model-context.ts";
import { type LinkedController, linkController, settle, withTimeout } from "./waiting.ts";

export interface BigToken extends SegmentToken {
  /** Length of the big model's sequence up to and including this token. */
  readonly position: number;
}

export type BigEnd = GenerateEnd | { readonly type: "failed"; readonly error: unknown };

export interface BigChunk {
  readonly tokens: readonly BigToken[];
  /** Set when there is nothing more to read. */
  readonly end?: BigEnd;
}

const STOP_LIMIT_MS = 2_000;

export class BigReader {
  /** Where the sequence was before the first token. */
  readonly startPosition: number;
  tokensRead = 0;
  firstTokenAtMs: number | undefined;
  readonly #context: ModelContext;
  readonly #clock: Clock;
  readonly #timeoutMs: number | undefined;
  readonly #iterator: AsyncIterator<GenerateEvent>;
  readonly #link: LinkedController;
  #filling: Promise<unknown> = Promise.resolve();
  #stopped = false;

  constructor(
    context: ModelContext,
    options: GenerateOptions,
    limits: { readonly clock: Clock; readonly timeoutMs?: number | undefined },
  ) {
    this.#context = context;
    this.#clock = limits.clock;
    this.#timeoutMs = limits.timeoutMs;
    this.#link = linkController(context.signal);
    this.startPosition = context.sequence.position;
    const events = context.sequence.generate(options, this.#link.controller.signal);
    this.#iterator = events[Symbol.asyncIterator]();
  }

  /** The next `count` tokens, fewer at the end. Never rejects: a failure is an end, after the tokens before it. */
  fill(count: number): Promise<BigChunk> {
    const chunk = this.#fill(count);
    this.#filling = chunk;
    return chunk;
  }

  async #fill(count: number): Promise<BigChunk> {
    const tokens: BigToken[] = [];
    const what = `${this.#context.engine.model}: the next token`;
    try {
      while (tokens.length < count && !this.#stopped) {
        const step = await withTimeout(this.#iterator.next(), this.#timeoutMs, what);
        if (step.done === true) {
          return { tokens, end: { type: "failed", error: new Error(`${what} never came, nor an end`) } };
        }
        if (step.value.type === "end") return { tokens, end: step.value };
        const { type: _, ...token } = step.value;
        this.tokensRead++;
        this.firstTokenAtMs ??= this.#clock.nowMs();
        tokens.push({ ...token, position: this.#context.sequence.position });
      }
      return { tokens };
    } catch (error) {
      return { tokens, end: { type: "failed", error } };
    }
  }

  /** Stops the big model; afterwards `tokensRead` is final and the sequence ends with the last token read. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#link.controller.abort();
    this.#link.release();
    await settle(this.#filling, STOP_LIMIT_MS);
    await settle(this.#iterator.return?.() ?? Promise.resolve(), STOP_LIMIT_MS);
  }
}
