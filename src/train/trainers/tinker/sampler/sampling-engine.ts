/**
 * The policy as a trainer server samples it. It does not report entropies, finds the likeliest
 * allowed token by draws, and takes a bias at temperatures 0 and 1 only (docs/scale.md); and it is slow where the server
 * has no call for something: nothing is cached between requests, a score is a forward pass over the whole context, a biased draw is a
 * request a token. For real speed, name a sampler that serves the same weights (docs/scale.md).
 */
import { modelId, type ModelId, type VocabularyId } from "../../../../core/ids.ts";
import type { Piece } from "../../../../core/piece.ts";
import type { Engine, EngineCapabilities, OpenOptions, Sequence } from "../../../../engines/engine.ts";
import type { EngineTokenizer } from "../../../../engines/token-backend.ts";
import { OpenSequences } from "../../../../engines/open-sequences.ts";
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
  readonly #sequences: OpenSequences<SamplingBackend>;

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
    this.#sequences = new OpenSequences({
      model: this.model,
      contextSize: options.contextSize,
      describe: () => ({ tokenizer: this.#tokenizer, closing: new AbortController() }),
      release: () => options.source.release(),
    });
  }

  /** Any number of sequences can be open: the server queues. */
  open(options: OpenOptions = {}, signal?: AbortSignal): Promise<Sequence> {
    const { source, tokenizer, contextSize } = this.#options;
    const turnEnds = tokenizer.endOfTurn === undefined ? [] : [tokenizer.endOfTurn];
    return this.#sequences.open(
      () => new SamplingBackend(source, { contextSize, turnEnds }),
      options,
      signal,
    );
  }

  async countTokens(pieces: readonly Piece[]): Promise<number> {
    this.#sequences.requireOpen();
    return this.#tokenizer.encode(pieces).length;
  }

  close(): Promise<void> {
    return this.#sequences.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
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
