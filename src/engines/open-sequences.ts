/** The sequences of one engine: opened while there is room, forked, and all closed with it. What makes a cache, and what is freed in the end, the engine adds. */
import type { ModelId, TokenId } from "../core/ids.ts";
import { closedError, noSlotError, usageError } from "./cancellation.ts";
import type { OpenOptions, Sequence } from "./engine.ts";
import { Slots } from "./slots.ts";
import type { TokenBackend } from "./token-backend.ts";
import { TokenSequence, type TokenSequenceOptions } from "./token-sequence.ts";

export interface OpenSequencesOptions<B> {
  readonly model: ModelId;
  /** Tokens that a sequence can hold. */
  readonly contextSize: number;
  /** Sequences at once; who asks for more waits. Default: any number, for a server that queues. */
  readonly slots?: number;
  /** What of a sequence depends on its cache. */
  readonly describe: (backend: B) => Pick<TokenSequenceOptions, "tokenizer" | "reportsIds" | "closing">;
  /** Frees what the engine holds, when all its sequences are closed. */
  readonly release?: () => Promise<void>;
  /** Default: {@link TokenSequence}. */
  readonly create?: (options: TokenSequenceOptions) => Sequence;
}

/** A cache whose copy is of its own kind. */
interface ForkingBackend<B> extends TokenBackend {
  fork(): Promise<B & TokenBackend>;
}

export class OpenSequences<B extends ForkingBackend<B>> {
  readonly #options: OpenSequencesOptions<B>;
  readonly #slots: Slots;
  readonly #open = new Set<Sequence>();
  #closing: Promise<void> | undefined;

  constructor(options: OpenSequencesOptions<B>) {
    this.#options = options;
    this.#slots = new Slots(options.model, options.slots ?? Infinity);
  }

  /** How many are open now. */
  get count(): number {
    return this.#open.size;
  }

  /** @throws EngineError `closed` when the engine is. */
  requireOpen(): void {
    if (this.#closing !== undefined) throw closedError(this.#options.model, "engine");
  }

  /**
   * A new one, empty; waits for a slot.
   * @throws EngineError when the engine is or gets closed, the signal is aborted, or more context is asked for than there is.
   */
  async open(
    makeBackend: () => B,
    { contextSize = this.#options.contextSize }: OpenOptions,
    signal: AbortSignal | undefined,
  ): Promise<Sequence> {
    this.requireOpen();
    const { model, contextSize: most } = this.#options;
    if (!Number.isInteger(contextSize) || contextSize < 1 || contextSize > most)
      throw usageError(model, `its context holds ${most} tokens, not ${contextSize}.`);
    await this.#slots.take(signal);
    return this.#inSlot(contextSize, [], makeBackend);
  }

  /** Closes all of them, then what the engine holds. The same promise each time. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#slots.close();
    await Promise.all([...this.#open].map((sequence) => sequence.close()));
    await this.#options.release?.();
  }

  /** Gives back the slot that was taken if no sequence comes of it. */
  async #inSlot(
    capacity: number,
    ids: readonly TokenId[],
    makeBackend: () => B | Promise<B>,
  ): Promise<Sequence> {
    let backend: B | undefined;
    try {
      backend = await makeBackend();
      // The engine may have been closed meanwhile: nobody would close what is opened now.
      this.requireOpen();
      return this.#sequence(backend, capacity, ids);
    } catch (error) {
      await backend?.close();
      this.#slots.release();
      throw error;
    }
  }

  #sequence(backend: B, capacity: number, ids: readonly TokenId[]): Sequence {
    const { model, describe, create = (options) => new TokenSequence(options) } = this.#options;
    const sequence = create({
      ...describe(backend),
      model,
      backend,
      capacity,
      ids,
      fork: async (forked) => {
        if (!this.#slots.tryTake()) throw noSlotError(model);
        return this.#inSlot(capacity, forked, () => copyOf(backend, forked.length));
      },
      onClose: (closed) => {
        this.#open.delete(closed);
        this.#slots.release();
      },
    });
    this.#open.add(sequence);
    return sequence;
  }
}

async function copyOf<B extends ForkingBackend<B>>(backend: B, length: number): Promise<B> {
  const copy = await backend.fork();
  try {
    await copy.truncate(length);
    return copy;
  } catch (error) {
    await copy.close();
    throw error;
  }
}
