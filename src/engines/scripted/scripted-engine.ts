/**
 * An engine for tests. It writes what a script says, token by token, with delays and failures on demand. The rest of the contract (pieces,
 * markers, limits, positions, cancellation, work) is the same code as in all other engines.
 */
import { modelId } from "../../core/ids.ts";
import type { Piece } from "../../core/piece.ts";
import type { EngineCapabilities, ScoreOptions, ScoreOutcome } from "../engine.ts";
import type { EngineTokenizer } from "../token-backend.ts";
import { TokenEngine } from "../token-engine.ts";
import { TokenSequence } from "../token-sequence.ts";
import { ScriptedBackend, type ScriptedShared } from "./scripted-backend.ts";
import type { ScriptedCall, ScriptedHook } from "./scripted-faults.ts";
import type { ScriptedModel } from "./scripted-model.ts";
import { testTokenizer } from "./test-tokenizer.ts";

export interface ScriptedEngineOptions {
  /** The model: the distribution after each context. */
  readonly next: ScriptedModel;
  readonly name?: string;
  /** The vocabulary. Default: bytes and the usual markers. */
  readonly tokenizer?: EngineTokenizer;
  /** Tokens that fit into one sequence. Default 4096. */
  readonly contextSize?: number;
  /** Sequences that may be open at once. Default: any number. */
  readonly slots?: number;
  /** Runs before each call into the model. */
  readonly hook?: ScriptedHook;
  /** `probe`: {@link Sequence.score} gives an entry for the last token only, as remote servers do. */
  readonly scores?: EngineCapabilities["scores"];
  readonly chatTemplate?: string;
}

export class ScriptedEngine extends TokenEngine<ScriptedBackend> {
  readonly tokenizer: EngineTokenizer;
  readonly #shared: ScriptedShared;

  constructor(options: ScriptedEngineOptions) {
    const { next, hook, tokenizer = testTokenizer(), scores = "every-position" } = options;
    const shared: ScriptedShared = { tokenizer, model: next, hook, log: [], sequences: 0, drawn: 0 };
    super({
      model: modelId(options.name ?? "scripted"),
      tokenizer,
      capabilities: {
        scores,
        prefill: true,
        tokenIds: true,
        logitBias: true,
        contextSize: options.contextSize ?? 4096,
      },
      chatTemplate: options.chatTemplate,
      slots: options.slots,
      createBackend: () => new ScriptedBackend(shared),
      describe: ({ closing }) => ({ closing }),
      createSequence: (sequence) =>
        scores === "probe" ? new ProbingSequence(sequence) : new TokenSequence(sequence),
    });
    this.tokenizer = tokenizer;
    this.#shared = shared;
  }

  /** Every call into the model so far, in order. */
  get log(): readonly ScriptedCall[] {
    return this.#shared.log;
  }
}

/** A sequence that scores the last token only. */
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
