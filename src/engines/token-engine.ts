/**
 * The Engine contract for models on token ids. Each kind of model brings its own {@link TokenBackend}. This class opens sequences while
 * there is room, forks them, counts tokens, and closes all sequences with the engine.
 */
import type { ModelId, TokenId, VocabularyId } from "../core/ids.ts";
import type { Piece } from "../core/piece.ts";
import { closedError, noSlotError, usageError } from "./cancellation.ts";
import type { Engine, EngineCapabilities, OpenOptions, Sequence } from "./engine.ts";
import { Slots } from "./slots.ts";
import type { EngineTokenizer, TokenBackend } from "./token-backend.ts";
import { TokenSequence, type TokenSequenceOptions } from "./token-sequence.ts";

export interface TokenEngineOptions<B> {
  readonly model: ModelId;
  /** The vocabulary. Sequences use it unless `describe` names one of their own. */
  readonly tokenizer: EngineTokenizer;
  readonly capabilities: Omit<EngineCapabilities, "isControlToken">;
  readonly chatTemplate: string | undefined;
  /** Sequences at once; further callers wait. Default: any number, for a server that queues. */
  readonly slots?: number | undefined;
  /** Makes the cache of a new sequence. */
  readonly createBackend: () => B;
  /** The sequence options that depend on the cache. */
  readonly describe?: (
    backend: B,
  ) => Partial<Pick<TokenSequenceOptions, "tokenizer" | "reportsIds" | "closing">>;
  /** Makes a sequence. Default: {@link TokenSequence}. */
  readonly createSequence?: (options: TokenSequenceOptions) => Sequence;
  /** Frees what the engine holds. Called when all its sequences are closed. */
  readonly release?: () => Promise<void>;
}

/** A cache whose copy is of the same kind. */
interface ForkingBackend<B> extends TokenBackend {
  fork(): Promise<B & TokenBackend>;
}

export class TokenEngine<B extends ForkingBackend<B>> implements Engine {
  readonly model: ModelId;
  readonly vocabulary: VocabularyId;
  readonly capabilities: EngineCapabilities;
  readonly chatTemplate?: string;
  readonly #options: TokenEngineOptions<B>;
  readonly #slots: Slots;
  readonly #open = new Set<Sequence>();
  #closing: Promise<void> | undefined;

  constructor(options: TokenEngineOptions<B>) {
    const { model, tokenizer, capabilities, chatTemplate } = options;
    this.#options = options;
    this.model = model;
    this.vocabulary = tokenizer.vocabulary;
    this.capabilities = {
      ...capabilities,
      isControlToken: (marker) => tokenizer.controlId(marker) !== undefined,
    };
    if (chatTemplate !== undefined) this.chatTemplate = chatTemplate;
    this.#slots = new Slots(model, options.slots ?? Infinity);
  }

  /** Number of sequences that are open now: 0 when everything was cleaned up. */
  get openSequences(): number {
    return this.#open.size;
  }

  /**
   * Opens an empty sequence. Waits for a slot.
   * @throws EngineError if the engine is or gets closed, the signal aborts, or the context size asked for is larger than the model's.
   */
  async open(
    { contextSize = this.capabilities.contextSize }: OpenOptions = {},
    signal?: AbortSignal,
  ): Promise<Sequence> {
    this.#requireOpen();
    const capacity = this.capabilities.contextSize;
    if (!Number.isInteger(contextSize) || contextSize < 1 || contextSize > capacity)
      throw usageError(this.model, `its context holds ${capacity} tokens, not ${contextSize}.`);
    await this.#slots.take(signal);
    return this.#inSlot(contextSize, [], this.#options.createBackend);
  }

  async countTokens(pieces: readonly Piece[]): Promise<number> {
    return (await this.tokenize(pieces)).length;
  }

  async tokenize(pieces: readonly Piece[]): Promise<readonly TokenId[]> {
    this.#requireOpen();
    const { tokenizer } = this.#options;
    await tokenizer.prepare?.(pieces);
    return tokenizer.encode(pieces);
  }

  /** Closes all sequences, then frees what the engine holds. Every call returns the same promise. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @throws EngineError `engine-closed` if the engine is closed. */
  #requireOpen(): void {
    if (this.#closing !== undefined) throw closedError(this.model, "engine");
  }

  async #close(): Promise<void> {
    this.#slots.close();
    await Promise.all([...this.#open].map((sequence) => sequence.close()));
    await this.#options.release?.();
  }

  /** Makes a sequence in a slot that was taken. Gives the slot back if that fails. */
  async #inSlot(
    capacity: number,
    ids: readonly TokenId[],
    createBackend: () => B | Promise<B>,
  ): Promise<Sequence> {
    let backend: B | undefined;
    try {
      backend = await createBackend();
      // The engine may have been closed meanwhile: nobody would close what is opened now.
      this.#requireOpen();
      return this.#sequence(backend, capacity, ids);
    } catch (error) {
      await backend?.close();
      this.#slots.release();
      throw error;
    }
  }

  #sequence(backend: B, capacity: number, ids: readonly TokenId[]): Sequence {
    const { model, tokenizer, describe, createSequence } = this.#options;
    const options: TokenSequenceOptions = {
      model,
      tokenizer,
      ...describe?.(backend),
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
    };
    const sequence = createSequence?.(options) ?? new TokenSequence(options);
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
