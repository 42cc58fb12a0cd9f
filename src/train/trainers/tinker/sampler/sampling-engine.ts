/**
 * The policy as a trainer server samples it. It does not report entropies, finds the likeliest
 * allowed token by draws, and takes a bias at temperatures 0 and 1 only (docs/scale.md); and it is slow where the server
 * has no call for something: nothing is cached between requests, a score is a forward pass over the whole context, a biased draw is a
 * request a token. For real speed, name a sampler that serves the same weights (docs/scale.md).
 */
import { modelId, type ModelId, type TokenId, type VocabularyId } from "../../../../core/ids.ts";
import type { Piece } from "../../../../core/piece.ts";
import { closedError, throwIfAborted, usageError } from "../../../../engines/cancellation.ts";
import type { Engine, EngineCapabilities, OpenOptions, Sequence } from "../../../../engines/engine.ts";
import type { EngineTokenizer } from "../../../../engines/token-backend.ts";
import { TokenSequence } from "../../../../engines/token-sequence.ts";
import type { ByteLevelTokenizer } from "../../../../tokenizer/index.ts";
import type { PolicySource } from "./policy-source.ts";
import { SamplingBackend } from "./sampling-backend.ts";

export interface SamplingEngineOptions {
  readonly name: string;
  readonly source: PolicySource;
  readonly tokenizer: ByteLevelTokenizer;
  readonly contextSize: number;
}

export class SamplingEngine implements Engine {
  readonly model: ModelId;
  readonly vocabulary: VocabularyId;
  readonly capabilities: EngineCapabilities;
  readonly #options: SamplingEngineOptions;
  readonly #tokenizer: EngineTokenizer;
  readonly #sequences = new Set<Sequence>();
  #closing: Promise<void> | undefined;

  constructor(options: SamplingEngineOptions) {
    const { tokenizer } = options;
    this.#options = options;
    this.#tokenizer = turnEndingTokenizer(tokenizer);
    this.model = modelId(options.name);
    this.vocabulary = tokenizer.vocabulary;
    this.capabilities = {
      scores: "every-position",
      prefill: false,
      tokenIds: true,
      logitBias: true,
      draws: "request",
      logprobs: true,
      entropy: false,
      isControlToken: (marker) => tokenizer.controlId(marker) !== undefined,
      contextSize: options.contextSize,
    };
  }

  /** Any number of sequences can be open: the server queues. */
  async open(options: OpenOptions = {}, signal?: AbortSignal): Promise<Sequence> {
    if (this.#closing !== undefined) throw closedError(this.model, "engine");
    throwIfAborted(this.model, signal);
    const most = this.#options.contextSize;
    const contextSize = options.contextSize ?? most;
    if (!Number.isInteger(contextSize) || contextSize < 1 || contextSize > most)
      throw usageError(this.model, `its context holds ${most} tokens, not ${contextSize}.`);
    const { source, tokenizer } = this.#options;
    const turnEnds = tokenizer.endOfTurn === undefined ? [] : [tokenizer.endOfTurn];
    return this.#sequence(contextSize, new SamplingBackend(source, { contextSize, turnEnds }), []);
  }

  async countTokens(pieces: readonly Piece[]): Promise<number> {
    if (this.#closing !== undefined) throw closedError(this.model, "engine");
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
    await this.#options.source.release();
  }

  #sequence(capacity: number, backend: SamplingBackend, ids: readonly TokenId[]): Sequence {
    const closing = new AbortController();
    const sequence = new TokenSequence({
      model: this.model,
      tokenizer: this.#tokenizer,
      backend,
      capacity,
      ids,
      closing,
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

function turnEndingTokenizer(tokenizer: ByteLevelTokenizer): EngineTokenizer {
  return {
    vocabulary: tokenizer.vocabulary,
    size: tokenizer.size,
    endOfTurn: tokenizer.endOfTurn,
    encode: (pieces) => tokenizer.encode(pieces),
    decode: (ids) => tokenizer.decode(ids),
    bytes: (id) => tokenizer.bytes(id),
    controlId: (marker) => tokenizer.controlId(marker),
    endsTurn: (id) => id === tokenizer.endOfTurn,
  };
}
