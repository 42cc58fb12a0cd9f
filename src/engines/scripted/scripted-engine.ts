/**
 * An engine for tests: it answers what it was told, token by token, with delays and failures on demand. The rest of the contract
 * (pieces, markers, limits, positions, cancellation, work) is the very code that the embedded engine runs.
 */
import { modelId, type ModelId, type VocabularyId } from "../../core/ids.ts";
import type { Piece } from "../../core/piece.ts";
import type {
  Engine,
  EngineCapabilities,
  OpenOptions,
  ScoreOptions,
  ScoreOutcome,
  Sequence,
} from "../engine.ts";
import { OpenSequences } from "../open-sequences.ts";
import type { EngineTokenizer } from "../token-backend.ts";
import { TokenSequence } from "../token-sequence.ts";
import { ScriptedBackend, type ScriptedShared } from "./scripted-backend.ts";
import type { ScriptedCall, ScriptedHook } from "./scripted-faults.ts";
import type { ScriptedModel } from "./scripted-model.ts";
import { testTokenizer } from "./test-tokenizer.ts";

export interface ScriptedEngineOptions {
  /** What comes next. Required: nothing is made up. */
  readonly next: ScriptedModel;
  readonly name?: string;
  /** Default: bytes and the usual markers. */
  readonly tokenizer?: EngineTokenizer;
  /** Default 4096. */
  readonly contextSize?: number;
  /** Sequences that may be open at once. Default: any number. */
  readonly slots?: number;
  /** Runs before each call into the model. */
  readonly hook?: ScriptedHook;
  /** `probe`: {@link Sequence.score} gives an entry for the last token only, as remote servers do. */
  readonly scores?: EngineCapabilities["scores"];
  readonly chatTemplate?: string;
}

export class ScriptedEngine implements Engine {
  readonly model: ModelId;
  readonly vocabulary: VocabularyId;
  readonly capabilities: EngineCapabilities;
  readonly chatTemplate?: string;
  readonly tokenizer: EngineTokenizer;
  readonly #shared: ScriptedShared;
  readonly #sequences: OpenSequences<ScriptedBackend>;

  constructor(options: ScriptedEngineOptions) {
    const tokenizer = options.tokenizer ?? testTokenizer();
    this.model = modelId(options.name ?? "scripted");
    this.tokenizer = tokenizer;
    this.vocabulary = tokenizer.vocabulary;
    this.capabilities = {
      scores: options.scores ?? "every-position",
      prefill: true,
      tokenIds: true,
      logitBias: true,
      isControlToken: (marker) => tokenizer.controlId(marker) !== undefined,
      contextSize: options.contextSize ?? 4096,
    };
    if (options.chatTemplate !== undefined) this.chatTemplate = options.chatTemplate;
    this.#shared = { tokenizer, model: options.next, hook: options.hook, log: [], sequences: 0, drawn: 0 };
    this.#sequences = new OpenSequences({
      model: this.model,
      contextSize: this.capabilities.contextSize,
      ...(options.slots === undefined ? {} : { slots: options.slots }),
      describe: ({ closing }) => ({ tokenizer, closing }),
      create: (sequence) =>
        options.scores === "probe" ? new ProbingSequence(sequence) : new TokenSequence(sequence),
    });
  }

  /** Every call into the model so far, in order. */
  get log(): readonly ScriptedCall[] {
    return this.#shared.log;
  }

  /** Sequences that are open now: none when everything was cleaned up. */
  get openSequences(): number {
    return this.#sequences.count;
  }

  open(options: OpenOptions = {}, signal?: AbortSignal): Promise<Sequence> {
    return this.#sequences.open(() => new ScriptedBackend(this.#shared), options, signal);
  }

  async countTokens(pieces: readonly Piece[]): Promise<number> {
    this.#sequences.requireOpen();
    return this.tokenizer.encode(pieces).length;
  }

  close(): Promise<void> {
    return this.#sequences.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Knows the distribution after the last token only. */
class ProbingSequence extends TokenSequence {
  override async score(
    pieces: readonly Piece[],
    options: ScoreOptions,
    signal?: AbortSignal,
  ): Promise<ScoreOutcome> {
    const outcome = await super.score(pieces, options, signal);
    return outcome.status === "ok" ? { ...outcome, entries: outcome.entries.slice(-1) } : outcome;
  }
}
