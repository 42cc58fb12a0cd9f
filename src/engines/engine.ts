/**
 * The Engine contract: one loaded or remote model. A {@link Sequence} is one growing context in it, with whatever
 * cache the engine keeps. Engines know nothing of tags: to them a tag is a text to stop at or to watch for.
 *
 * Every engine passes `test/conformance/engine.ts`, which is the executable form of this file.
 */
import type { ModelId, TokenId, VocabularyId } from "../core/ids.ts";
import type { Piece } from "../core/piece.ts";

export type { Piece };

export interface EngineCapabilities {
  /** `every-position`: {@link Sequence.score} gives an entry after each token. `probe`: only after the last one. */
  readonly scores: "every-position" | "probe";
  /** Whether a prefill without decoding exists (if not, `append` is only remembered until the next decode). */
  readonly prefill: boolean;
  /** Whether {@link TokenDelta.id} and {@link Piece.tokens} are exact. */
  readonly tokenIds: boolean;
  readonly logitBias: boolean;
  /** Which of the markers asked about are single special tokens is a property of the vocabulary. */
  readonly isControlToken: (marker: string) => boolean;
  /** Tokens that fit in one sequence. */
  readonly contextSize: number;
}

export interface Sampling {
  /** 0 is greedy (the highest logit; ties go to the lowest id). */
  readonly temperature: number;
  readonly topP?: number;
  /** Tokens drawn at the same position of equal contexts with the same seed are the same. */
  readonly seed: number;
}

export interface GenerateOptions {
  readonly maxTokens: number;
  readonly sampling: Sampling;
  /** Markers that end the generation. They are never yielded, and are not in the sequence afterwards. */
  readonly stop?: readonly string[];
  /** Nats added to a marker's logit before sampling; `-Infinity` forbids it. Needs `capabilities.logitBias`. */
  readonly bias?: readonly MarkerBias[];
  /** Whether to report {@link TokenDelta.logprob} and {@link TokenDelta.entropy}. They can cost time at a large vocabulary. */
  readonly logprobs?: boolean;
}

export interface MarkerBias {
  readonly marker: string;
  readonly nats: number;
}

export interface TokenDelta {
  readonly type: "token";
  /** What can be shown so far: empty while a code point or a possible stop text is incomplete. */
  readonly text: string;
  readonly id?: TokenId;
  /** Log-probability (nats) of this token at temperature 1 and without bias. */
  readonly logprob?: number;
  /** Entropy (nats) of the distribution it was drawn from, at temperature 1 and without bias. */
  readonly entropy?: number;
}

export interface GenerateEnd {
  readonly type: "end";
  readonly reason: "stop" | "limit" | "end-of-turn" | "context-full";
  /** Which marker, when `reason` is `stop`. */
  readonly marker?: string;
  /** Log-probability of the stop marker or of the end of the turn, where known: it is a decision as well. */
  readonly logprob?: number;
}

export type GenerateEvent = TokenDelta | GenerateEnd;

export type AppendOutcome =
  | { readonly status: "ok"; readonly position: number; readonly tokens: readonly TokenId[] }
  /** Nothing was appended. */
  | {
      readonly status: "context-full";
      readonly position: number;
      readonly required: number;
      readonly capacity: number;
    };

export interface ScoreOptions {
  /** Markers whose probability of coming next is wanted after each token. */
  readonly watch: readonly string[];
  /** Also report how likely each appended token was (teacher forcing). */
  readonly tokenLogprobs?: boolean;
}

/** What the model thinks after one appended token. */
export interface ScoreEntry {
  /** Length of the sequence up to and including this token. */
  readonly position: number;
  readonly id?: TokenId;
  /** The text that this token added, empty within a code point. Entries' texts concatenate to the piece's text. */
  readonly text: string;
  /** log P(this token | all before), if asked for and known (not for the first token of a sequence). */
  readonly tokenLogprob?: number;
  /** Nats, in the order of `watch`: log P(marker comes next). */
  readonly watchLogprobs: readonly number[];
  /** Index into `watch` of the marker that is the single most likely next token, or -1. */
  readonly watchArgmax: number;
}

export type ScoreOutcome =
  | { readonly status: "ok"; readonly position: number; readonly entries: readonly ScoreEntry[] }
  | {
      readonly status: "context-full";
      readonly position: number;
      readonly required: number;
      readonly capacity: number;
    };

/** Work done by one sequence since it was opened, in tokens. `scored` tokens are also prefilled, but counted once, here. */
export interface SequenceWork {
  readonly prefilled: number;
  readonly scored: number;
  readonly decoded: number;
  /** Calls into the model (batches), for overhead figures. */
  readonly calls: number;
}

export interface Sequence extends AsyncDisposable {
  /** Number of tokens in the sequence (for engines without token ids: the server's count, or code points). */
  readonly position: number;
  readonly work: SequenceWork;
  /** Prefill only: the streaming prefill. All or nothing when the context is full. */
  append(pieces: readonly Piece[], signal?: AbortSignal): Promise<AppendOutcome>;
  /**
   * Decodes after what is there; ends with exactly one {@link GenerateEnd}. Every token yielded is in the sequence, none else:
   * leaving the loop early, by `break` or by the signal, keeps the sequence at the last token yielded.
   */
  generate(options: GenerateOptions, signal?: AbortSignal): AsyncIterable<GenerateEvent>;
  /** Prefill *and* P(marker comes next): the controlling prefill (Paper 3.1). */
  score(pieces: readonly Piece[], options: ScoreOptions, signal?: AbortSignal): Promise<ScoreOutcome>;
  /** Forgets everything after the first `position` tokens. */
  truncate(position: number): Promise<void>;
  /** A second sequence with the same content; both grow apart from here. */
  fork(): Promise<Sequence>;
  close(): Promise<void>;
}

export interface OpenOptions {
  /** Tokens that the sequence must be able to hold; at most the engine's context size, which is the default. */
  readonly contextSize?: number;
}

export interface Engine extends AsyncDisposable {
  readonly model: ModelId;
  readonly vocabulary: VocabularyId;
  readonly capabilities: EngineCapabilities;
  /** Waits for a free slot when the engine holds a fixed number of sequences. */
  open(options?: OpenOptions, signal?: AbortSignal): Promise<Sequence>;
  /** Tokens of `pieces`, without touching any sequence. */
  countTokens(pieces: readonly Piece[]): Promise<number>;
  /** The model's own chat template, if it has one (Jinja source). */
  readonly chatTemplate?: string;
  close(): Promise<void>;
}
