/** Reads the big model's tokens in chunks, so that one chunk can be decoded while the small model reads the one before. */
import { type LinkedSignal, linkSignals, settle } from "../../core/async.ts";
import type { Clock } from "../../core/clock.ts";
import type { GenerateEnd, GenerateEvent, GenerateOptions } from "../../engines/engine.ts";
import type { SegmentToken } from "../events/events.ts";
import type { ModelContext } from "./model-context.ts";

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
  readonly #iterator: AsyncIterator<GenerateEvent>;
  readonly #link: LinkedSignal;
  #filling: Promise<unknown> = Promise.resolve();
  /** The token that was asked for and that no chunk has taken yet. */
  #next: Promise<IteratorResult<GenerateEvent>> | undefined;
  #hurry = new Hurry();
  #stopped = false;

  constructor(context: ModelContext, options: GenerateOptions, clock: Clock) {
    this.#context = context;
    this.#clock = clock;
    this.#link = linkSignals(context.signal);
    this.startPosition = context.sequence.position;
    const events = context.sequence.generate(options, this.#link.signal);
    this.#iterator = events[Symbol.asyncIterator]();
  }

  /**
   * The next `count` tokens; fewer at the end, and after {@link hurry}. Never rejects: a failure is an end, after the tokens before it.
   */
  fill(count: number): Promise<BigChunk> {
    this.#hurry = new Hurry();
    const chunk = this.#fill(count, this.#hurry);
    this.#filling = chunk;
    return chunk;
  }

  /** After `patienceMs`, the chunk being filled is done once it has a token and no other waits to be taken. */
  hurry(patienceMs: number): void {
    this.#hurry.after(patienceMs);
  }

  async #fill(count: number, hurry: Hurry): Promise<BigChunk> {
    const tokens: BigToken[] = [];
    try {
      while (tokens.length < count && !this.#stopped) {
        this.#next ??= this.#context.inTime(this.#iterator.next(), "the next token");
        const step = await (tokens.length === 0 ? this.#next : hurry.orNothing(this.#next));
        if (step === undefined) break;
        this.#next = undefined;
        if (step.done === true) {
          const what = `${this.#context.engine.model}: the next token`;
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
    } finally {
      hurry.end();
    }
  }

  /** Stops the big model; afterwards `tokensRead` is final and the sequence ends with the last token read. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#link.abort();
    this.#link.release();
    await settle(this.#filling, STOP_LIMIT_MS);
    if (this.#next !== undefined) await settle(this.#countLate(this.#next), STOP_LIMIT_MS);
    await settle(this.#iterator.return?.() ?? Promise.resolve(), STOP_LIMIT_MS);
  }

  /** Counts a token that came after the last chunk was done: it is in the sequence as well. */
  async #countLate(next: Promise<IteratorResult<GenerateEvent>>): Promise<void> {
    const step = await next;
    if (step.done !== true && step.value.type === "token") this.tokensRead++;
  }
}

/** A time after which one chunk no longer waits for all of its tokens. */
class Hurry {
  #isOver = false;
  #timer: NodeJS.Timeout | undefined;
  #tell: () => void = () => {};
  readonly #over = new Promise<undefined>((resolve) => {
    this.#tell = () => resolve(undefined);
  });

  after(milliseconds: number): void {
    this.#timer ??= setTimeout(() => {
      this.#isOver = true;
      this.#tell();
    }, milliseconds);
  }

  /** The result of `work`; nothing when the time is over and the work is not done already. */
  async orNothing<T>(work: Promise<T>): Promise<T | undefined> {
    if (!this.#isOver) {
      const first = await Promise.race([work, this.#over]);
      if (first !== undefined) return first;
    }
    // A turn of the event loop: a token that waits to be taken is taken.
    return await Promise.race([
      work,
      new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined))),
    ]);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
