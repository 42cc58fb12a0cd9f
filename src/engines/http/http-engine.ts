/** The engine of a model behind HTTP: one for all servers, told apart by their dialects. */
import { modelId, type ModelId, type VocabularyId } from "../../core/ids.ts";
import type { Piece } from "../../core/piece.ts";
import { closedError, throwIfAborted, usageError } from "../cancellation.ts";
import type { Engine, EngineCapabilities, OpenOptions, Sequence } from "../engine.ts";
import { TokenSequence } from "../token-sequence.ts";
import { HttpBackend, type HttpModel } from "./http-backend.ts";
import type { HttpTokenizer } from "./http-tokenizer.ts";
import type { EndpointPool, EndpointState } from "./pool.ts";

export interface HttpEngineParts {
  readonly name: string;
  readonly model: HttpModel;
  readonly pool: EndpointPool;
  /** For one sequence and its forks; the same each time where ids mean something outside of a sequence. */
  readonly tokenizer: () => HttpTokenizer;
  readonly contextSize: number;
  readonly chatTemplate: string | undefined;
  /** Whether ids are exact. */
  readonly tokenIds: boolean;
  /** Whether the server's ids of tokens are known, so that they can be biased. */
  readonly knowsIds: boolean;
}

export class HttpEngine implements Engine {
  readonly model: ModelId;
  readonly vocabulary: VocabularyId;
  readonly capabilities: EngineCapabilities;
  readonly chatTemplate?: string;
  readonly #parts: HttpEngineParts;
  /** For counting, which touches no sequence. */
  readonly #tokenizer: HttpTokenizer;
  readonly #sequences = new Set<Sequence>();
  #closing: Promise<void> | undefined;

  constructor(parts: HttpEngineParts) {
    const { dialect } = parts.model;
    const tokenizer = parts.tokenizer();
    this.#parts = parts;
    this.#tokenizer = tokenizer;
    this.model = modelId(parts.name);
    this.vocabulary = tokenizer.vocabulary;
    this.capabilities = {
      scores: dialect.scoring !== undefined && parts.tokenIds ? "every-position" : "probe",
      prefill: true,
      tokenIds: parts.tokenIds,
      logitBias: dialect.logitBias && parts.knowsIds,
      draws: "request",
      logprobs: dialect.logprobs,
      entropy: false,
      isControlToken: (marker) => tokenizer.controlId(marker) !== undefined,
      contextSize: parts.contextSize,
    };
    if (parts.chatTemplate !== undefined) this.chatTemplate = parts.chatTemplate;
  }

  /** The servers, and how they are. */
  get endpoints(): readonly EndpointState[] {
    return this.#parts.pool.state;
  }

  /** Any number of sequences can be open: the servers queue. */
  async open(options: OpenOptions = {}, signal?: AbortSignal): Promise<Sequence> {
    if (this.#closing !== undefined) throw closedError(this.model, "engine");
    throwIfAborted(this.model, signal);
    const most = this.capabilities.contextSize;
    const contextSize = options.contextSize ?? most;
    if (!Number.isInteger(contextSize) || contextSize < 1 || contextSize > most) {
      throw usageError(this.model, `its context holds ${most} tokens, not ${contextSize}.`);
    }
    const { model, pool, tokenizer } = this.#parts;
    return this.#sequence(contextSize, new HttpBackend(model, tokenizer(), pool.route()), []);
  }

  async countTokens(pieces: readonly Piece[]): Promise<number> {
    if (this.#closing !== undefined) throw closedError(this.model, "engine");
    await this.#tokenizer.prepare?.(pieces);
    return this.#tokenizer.encode(pieces).length;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#sequences].map((sequence) => sequence.close()));
    await this.#parts.pool.close();
  }

  #sequence(capacity: number, backend: HttpBackend, ids: HttpSequenceIds): Sequence {
    const sequence = new TokenSequence({
      model: this.model,
      tokenizer: backend.tokenizer,
      backend,
      capacity,
      ids,
      reportsIds: this.#parts.tokenIds,
      closing: backend.closing,
      fork: async (forked) => {
        if (this.#closing !== undefined) throw closedError(this.model, "engine");
        const copy = await backend.fork();
        await copy.truncate(forked.length);
        return this.#sequence(capacity, copy, forked);
      },
      onClose: (closed) => this.#sequences.delete(closed),
    });
    this.#sequences.add(sequence);
    return sequence;
  }
}

type HttpSequenceIds = NonNullable<ConstructorParameters<typeof TokenSequence>[0]["ids"]>;
