/**
 * What a model that works on token ids has to do for {@link TokenSequence}, which does the rest of the Engine contract (pieces,
 * markers, hold-back, UTF-8, positions, cancellation). A backend is one sequence's cache: it knows ids only.
 */
import type { TokenId } from "../core/ids.ts";
import type { Piece } from "../core/piece.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Sampling } from "./engine.ts";

/** A model's own vocabulary. */
export interface EngineTokenizer extends Tokenizer {
  /** Finds out what {@link encode} needs to know, for a vocabulary that is elsewhere. */
  prepare?(pieces: readonly Piece[], signal?: AbortSignal): Promise<void>;
}

export interface DrawRequest {
  readonly sampling: Sampling;
  /** Nats by id; `-Infinity` forbids. */
  readonly bias: ReadonlyMap<TokenId, number>;
  readonly logprob: boolean;
  readonly entropy: boolean;
  /** No more than this many tokens will be drawn, those that end the generation included. */
  readonly most: number;
  /** Tokens after which nothing more will be drawn. A backend that draws ahead stops there. */
  readonly stops: ReadonlySet<TokenId>;
}

export interface DrawnToken {
  readonly id: TokenId;
  readonly logprob?: number;
  readonly entropy?: number;
}

export interface Drawer {
  /**
   * Draws what follows all of `ids`: what of them was not read is read first (at least the last one always is). Undefined when the
   * model has no room for more.
   * @param forbidden Ids that this draw must not give, beyond the request's bias.
   */
  draw(ids: readonly TokenId[], forbidden?: ReadonlySet<TokenId>): Promise<DrawnToken | undefined>;
  /** Frees what the drawer holds. What was read stays read. */
  end(): Promise<void>;
}

export interface ScoreRequest {
  readonly watch: readonly TokenId[];
  readonly tokenLogprobs: boolean;
}

export interface TokenScore {
  readonly argmax: TokenId;
  /** Nats, in the order of the request. */
  readonly watchLogprobs: readonly number[];
  /** Nats of this very token after those before it; undefined for the first of a sequence. */
  readonly tokenLogprob?: number;
}

export interface TokenBackend {
  /** Number of tokens read and not forgotten. */
  readonly length: number;
  /** Calls into the model so far. */
  readonly calls: number;
  /** Tokens of all prompts sent to a server, for a backend that has one. */
  readonly sent?: number;
  /** Reads `ids` behind what was read. May stop between batches when aborted: `length` says how far it came. */
  read(ids: readonly TokenId[], signal?: AbortSignal): Promise<void>;
  drawer(request: DrawRequest, signal?: AbortSignal): Drawer;
  /**
   * Reads what of `ids` was not read, and scores those from index `from` on: a score for each, undefined where a backend that probes
   * did not ask. The last one is always scored. With `tokenLogprobs`, the token before `from` has not been read.
   */
  score(
    ids: readonly TokenId[],
    from: number,
    request: ScoreRequest,
    signal?: AbortSignal,
  ): Promise<readonly (TokenScore | undefined)[]>;
  /** Forgets everything behind the first `length` tokens. `length` is at most what was read; it may become less than asked for. */
  truncate(length: number): Promise<void>;
  /** The same content in a cache of its own, as far as it could be copied. */
  fork(): Promise<TokenBackend>;
  close(): Promise<void>;
}
