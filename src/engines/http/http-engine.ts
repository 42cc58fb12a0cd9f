/** The engine of a model behind HTTP: one for all servers, told apart by their dialects. */
import { modelId, type ModelId, type VocabularyId } from "../../core/ids.ts";
import type { Piece } from "../../core/piece.ts";
import type { Engine, EngineCapabilities, OpenOptions, Sequence } from "../engine.ts";
import { OpenSequences } from "../open-sequences.ts";
import { HttpBackend, type HttpModel } from "./http-backend.ts";
import type { HttpTokenizer } from "./tokens/http-tokenizer.ts";
import type { EndpointPool, EndpointState } from "./transport/pool.ts";

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
  readonly #sequences: OpenSequences<HttpBackend>;

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
    this.#sequences = new OpenSequences({
      model: this.model,
      contextSize: parts.contextSize,
      describe: (backend) => ({
        tokenizer: backend.tokenizer,
        closing: backend.closing,
        reportsIds: parts.tokenIds,
      }),
      release: () => parts.pool.close(),
    });
  }

  /** The servers, and how they are. */
  get endpoints(): readonly EndpointState[] {
    return this.#parts.pool.state;
  }

  /** Any number of sequences can be open: the servers queue. */
  open(options: OpenOptions = {}, signal?: AbortSignal): Promise<Sequence> {
    const { model, pool, tokenizer } = this.#parts;
    return this.#sequences.open(() => new HttpBackend(model, tokenizer(), pool.route()), options, signal);
  }

  async countTokens(pieces: readonly Piece[]): Promise<number> {
    this.#sequences.requireOpen();
    await this.#tokenizer.prepare?.(pieces);
    return this.#tokenizer.encode(pieces).length;
  }

  close(): Promise<void> {
    return this.#sequences.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
