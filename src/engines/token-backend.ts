/**
 * The part of the Engine contract that a model on token ids does itself. A backend is the cache of one sequence and knows ids only.
 * {@link TokenSequence} does the rest: pieces, markers, hold-back, UTF-8, positions, cancellation.
 */
import type { TokenId } from "../core/ids.ts";
import type { Piece } from "../core/piece.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Drafter, Sampling } from "./engine.ts";

/** The vocabulary of a model. */
export interface EngineTokenizer extends Tokenizer {
  /** Fetches the facts that {@link encode} needs, for a vocabulary on a server. */
  prepare?(pieces: readonly Piece[], signal?: AbortSignal): Promise<void>;
}

export interface DrawRequest {
  readonly sampling: Sampling;
  /** Nats added to logits, by id; `-Infinity` forbids. */
  readonly bias: ReadonlyMap<TokenId, number>;
  readonly logprob: boolean;
  readonly entropy: boolean;
  /** Most tokens that will be drawn, including those that end the generation. */
  readonly maxTokens: number;
  /** Tokens after which nothing more is drawn. A backend that draws ahead stops there. */
  readonly stops: ReadonlySet<TokenId>;
  /** Guesses ahead, for a backend that {@link TokenBackend.drafts}. */
  readonly drafter?: Drafter;
}

export interface DrawnToken {
  readonly id: TokenId;
  readonly logprob?: number;
  readonly entropy?: number;
}

export interface Drawer {
  /**
   * Draws the token after `ids`. The unread ones are read first; at least the last one always is. Undefined if the model has no room
   * for more.
   * @param forbidden Ids that this draw must not give, beyond the request's bias.
   */
  draw(ids: readonly TokenId[], forbidden?: ReadonlySet<TokenId>): Promise<DrawnToken | undefined>;
  /** Frees what the drawer holds. The tokens read stay in the cache. */
  end(): Promise<void>;
}

export interface ScoreRequest {
  readonly watch: readonly TokenId[];
  readonly tokenLogprobs: boolean;
}

export interface TokenScore {
  readonly argmax: TokenId;
  /** log P(marker comes next) in nats, in the order of the request. */
  readonly watchLogprobs: readonly number[];
  /** log P(this token | all before) in nats. Undefined for the first token of a sequence. */
  readonly tokenLogprob?: number;
}

export interface TokenBackend {
  /** Number of tokens read and not forgotten. */
  readonly length: number;
  /** Calls into the model so far. */
  readonly calls: number;
  /** Tokens of all prompts sent to a server, for a backend that has one. */
  readonly sent?: number;
  /** Whether its drawers use {@link DrawRequest.drafter}. */
  readonly drafts?: boolean;
  /** Reads `ids` after the tokens already read. May stop between batches when aborted; `length` says how far it came. */
  read(ids: readonly TokenId[], signal?: AbortSignal): Promise<void>;
  drawer(request: DrawRequest, signal?: AbortSignal): Drawer;
  /**
   * Reads the unread part of `ids` and scores those from index `from` on, one score for each. A score is undefined where a backend that
   * probes did not ask; the last token is always scored. With `tokenLogprobs`, the token before `from` has not been read.
   */
  score(
    ids: readonly TokenId[],
    from: number,
    request: ScoreRequest,
    signal?: AbortSignal,
  ): Promise<readonly (TokenScore | undefined)[]>;
  /** Forgets everything after the first `length` tokens, or more than that. `length` is at most the number of tokens read. */
  truncate(length: number): Promise<void>;
  /** Copies the content to another cache, as far as possible. */
  fork(): Promise<TokenBackend>;
  close(): Promise<void>;
}
