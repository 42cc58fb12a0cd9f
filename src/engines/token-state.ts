/** What a {@link TokenSequence} and its generation share: the ids, the cache, the order of calls, the work done. */
import { EngineError, errorMessage, SplitReasonError } from "../core/errors.ts";
import type { ModelId, TokenId } from "../core/ids.ts";
import { closedError, throwIfAborted } from "./cancellation.ts";
import type { EngineTokenizer, TokenBackend } from "./token-backend.ts";

export interface TokenStateOptions {
  readonly model: ModelId;
  readonly tokenizer: EngineTokenizer;
  readonly backend: TokenBackend;
  /** Tokens that fit. */
  readonly capacity: number;
  readonly ids?: readonly TokenId[];
  /** Whether ids mean something outside of this sequence. Default true. */
  readonly reportsIds?: boolean;
  /** Aborted when the sequence closes, for a backend that waits for something other than the model. */
  readonly closing?: AbortController;
}

export class TokenState {
  readonly model: ModelId;
  readonly tokenizer: EngineTokenizer;
  readonly backend: TokenBackend;
  readonly capacity: number;
  readonly reportsIds: boolean;
  /** All tokens, those that a running generation holds back included. */
  readonly ids: TokenId[];
  /** Number of tokens that are in the sequence for its user. */
  visible: number;
  prefilled = 0;
  scored = 0;
  decoded = 0;
  closed = false;
  /** The generation that may go on; any other change to the sequence takes its place. */
  generation: object | undefined;
  readonly #firstCalls: number;
  readonly #closing: AbortController | undefined;
  #tail: Promise<void> = Promise.resolve();

  constructor(options: TokenStateOptions) {
    this.model = options.model;
    this.tokenizer = options.tokenizer;
    this.backend = options.backend;
    this.capacity = options.capacity;
    this.reportsIds = options.reportsIds ?? true;
    this.ids = [...(options.ids ?? [])];
    this.visible = this.ids.length;
    this.#firstCalls = options.backend.calls;
    this.#closing = options.closing;
  }

  get calls(): number {
    return this.backend.calls - this.#firstCalls;
  }

  get sent(): number | undefined {
    return this.backend.sent;
  }

  /** Runs `operation` when all before it are done. Failures of the backend become {@link EngineError}s. */
  async exclusive<T>(signal: AbortSignal | undefined, operation: () => Promise<T>): Promise<T> {
    this.check(signal);
    const previous = this.#tail;
    let release = () => {};
    this.#tail = new Promise((resolve) => {
      release = resolve;
    });
    await previous;
    try {
      this.check(signal);
      return await operation();
    } catch (error) {
      if (this.closed) throw closedError(this.model, "sequence");
      throwIfAborted(this.model, signal);
      if (error instanceof SplitReasonError) throw error;
      throw new EngineError(`${this.model}: ${errorMessage(error)}`, { code: "engine-failed", cause: error });
    } finally {
      release();
    }
  }

  check(signal: AbortSignal | undefined): void {
    if (this.closed) throw closedError(this.model, "sequence");
    throwIfAborted(this.model, signal);
  }

  /** Ends a suspended generation: what it held back is forgotten. */
  supersede(): void {
    this.generation = undefined;
    this.dropHeld();
  }

  dropHeld(): void {
    this.ids.length = this.visible;
  }

  /** Makes the cache forget what is no longer in the sequence. */
  async align(): Promise<void> {
    if (this.backend.length > this.ids.length) await this.backend.truncate(this.ids.length);
  }

  /** Aligned, and with at least one token still to be read: a token's successors are known only when it is read. */
  async alignForNext(): Promise<void> {
    const last = this.ids.length - 1;
    if (this.backend.length <= last) return;
    this.prefilled++;
    await this.backend.truncate(last);
  }

  /** Refuses further calls, and resolves when nothing runs any more. */
  async shut(): Promise<void> {
    this.closed = true;
    this.supersede();
    this.#closing?.abort(closedError(this.model, "sequence"));
    await this.#tail;
  }
}
