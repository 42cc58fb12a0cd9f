/** The state that a {@link TokenSequence} and its generation share: the ids, the cache, the order of calls, the work done. */
import { EngineError, errorMessage, SplitReasonError } from "../core/errors.ts";
import type { ModelId, TokenId } from "../core/ids.ts";
import { closedError, throwIfAborted } from "./cancellation.ts";
import type { EngineTokenizer, TokenBackend } from "./token-backend.ts";

export interface TokenStateOptions {
  readonly model: ModelId;
  readonly tokenizer: EngineTokenizer;
  readonly backend: TokenBackend;
  /** Tokens that fit into the sequence. */
  readonly capacity: number;
  readonly ids?: readonly TokenId[];
  /** Whether ids have a meaning outside this sequence. Default true. */
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
  /** All tokens, including those that a running generation holds back. */
  readonly ids: TokenId[];
  /** Number of tokens that the user of the sequence sees. */
  visible: number;
  prefilled = 0;
  scored = 0;
  decoded = 0;
  closed = false;
  /** The generation that may continue. Any other change of the sequence ends it. */
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

  /** Runs `operation` after all earlier ones are done. Failures of the backend become {@link EngineError}s. */
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

  /** Ends a suspended generation and drops the tokens that it held back. */
  supersede(): void {
    this.generation = undefined;
    this.dropHeld();
  }

  dropHeld(): void {
    this.ids.length = this.visible;
  }

  /** Removes from the cache what is no longer in the sequence. */
  async align(): Promise<void> {
    if (this.backend.length > this.ids.length) await this.backend.truncate(this.ids.length);
  }

  /** Aligns, and leaves at least one token unread: only reading a token gives the distribution after it. */
  async alignForNext(): Promise<void> {
    const last = this.ids.length - 1;
    if (this.backend.length <= last) return;
    this.prefilled++;
    await this.backend.truncate(last);
  }

  /** Refuses further calls. Resolves when no call is running. */
  async shut(): Promise<void> {
    this.closed = true;
    this.supersede();
    this.#closing?.abort(closedError(this.model, "sequence"));
    await this.#tail;
  }
}
