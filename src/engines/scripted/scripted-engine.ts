/**
 * An engine for tests: it answers what it was told, token by token, with delays and failures on demand. The rest of the contract
 * (pieces, markers, limits, positions, cancellation, work) is the very code that the embedded engine runs.
 */
import { modelId, type ModelId, type TokenId, type VocabularyId } from "../../core/ids.ts";
import type { Piece } from "../../core/piece.ts";
import { closedError, noSlotError, usageError } from "../cancellation.ts";
import type {
  Engine,
  EngineCapabilities,
  OpenOptions,
  ScoreOptions,
  ScoreOutcome,
  Sequence,
} from "../engine.ts";
import { Slots } from "../slots.ts";
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
  readonly #slots: Slots;
  readonly #sequences = new Set<Sequence>();
  #closed = false;

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
    this.#slots = new Slots(this.model, options.slots ?? Infinity);
  }

  /** Every call into the model so far, in order. */
  get log(): readonly ScriptedCall[] {
    return this.#shared.log;
  }

  /** Sequences that are open now: none when everything was cleaned up. */
  get openSequences(): number {
    return this.#sequences.size;
  }

  async open(options: OpenOptions = {}, signal?: AbortSignal): Promise<Sequence> {
    if (this.#closed) throw closedError(this.model, "engine");
    const contextSize = options.contextSize ?? this.capabilities.contextSize;
    if (contextSize > this.capabilities.contextSize) {
      throw usageError(
        this.model,
        `its context holds ${this.capabilities.contextSize} tokens, not ${contextSize}.`,
      );
    }
    await this.#slots.take(signal);
    return this.#sequence(contextSize, new ScriptedBackend(this.#shared), []);
  }

  async countTokens(pieces: readonly Piece[]): Promise<number> {
    if (this.#closed) throw closedError(this.model, "engine");
    return this.tokenizer.encode(pieces).length;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#slots.close();
    await Promise.all([...this.#sequences].map((sequence) => sequence.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #sequence(capacity: number, backend: ScriptedBackend, ids: readonly TokenId[]): Sequence {
    const options = {
      model: this.model,
      tokenizer: this.tokenizer,
      backend,
      capacity,
      ids,
      closing: backend.closing,
    };
    const SequenceClass = this.capabilities.scores === "probe" ? ProbingSequence : TokenSequence;
    const sequence = new SequenceClass({
      ...options,
      fork: async (forked) => {
        if (!this.#slots.tryTake()) throw noSlotError(this.model);
        const copy = await backend.fork();
        await copy.truncate(forked.length);
        return this.#sequence(capacity, copy, forked);
      },
      onClose: (closed) => {
        this.#sequences.delete(closed);
        this.#slots.release();
      },
    });
    this.#sequences.add(sequence);
    return sequence;
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
