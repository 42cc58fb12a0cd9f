/** The big model as the small one's partner: it listens, it can be lost, and it may be tried again. */
import { type ErrorCode, SplitReasonError } from "../../core/errors.ts";
import type { Piece } from "../../core/piece.ts";
import type { Exchange, ExchangedToken } from "./exchange.ts";
import { type ModelContext, describeFailure } from "./model-context.ts";
import type { BigReader } from "./big-reader.ts";

/** Why the big model cannot continue. */
export interface Loss {
  readonly message: string;
  readonly code?: ErrorCode;
}

/** The part of a segment that stays in the big model's context. */
export interface KeptPart {
  /** Length to which its sequence is cut. */
  readonly position: number;
  /** Number of tokens read that stay, wholly or in part. */
  readonly tokens: number;
  /** The part itself, for a new sequence if this one fails later. */
  readonly pieces: readonly Piece[];
  /** The beginning of the token within which the cut fell. It is written again, as text. */
  readonly remainder: string;
}

export class BigModel {
  readonly context: ModelContext;
  readonly #fromSmall: Exchange;
  #retriesLeft: number;
  #state: "ready" | "broken" | "lost" = "ready";

  constructor(context: ModelContext, fromSmall: Exchange, retries: number) {
    this.context = context;
    this.#fromSmall = fromSmall;
    this.#retriesLeft = retries;
  }

  /** Whether it will not come back in this generation. */
  get lost(): boolean {
    return this.#state === "lost";
  }

  /** The small model wrote a token: read in the background with streaming prefill, otherwise at the next hand-off. */
  hear(token: ExchangedToken): void {
    if (this.#state !== "lost") this.context.write(this.#fromSmall.push(token), 1);
  }

  /** Whether the small model's tokens are its own: then pieces and tokens are one to one. */
  get sharesTokens(): boolean {
    return this.#fromSmall.shared;
  }

  /** The small model's tokens as pieces for this model, nothing held back. All tokens before them must have been handed over ({@link prepare}). */
  piecesOf(tokens: readonly ExchangedToken[]): readonly Piece[] {
    return [...tokens.flatMap((token) => this.#fromSmall.push(token)), ...this.#fromSmall.flush()];
  }

  /** Brings its context up to date. Returns why it cannot write; undefined when it can. */
  async prepare(): Promise<Loss | undefined> {
    if (this.#state === "lost") return { message: `${this.context.engine.model}: was given up on.` };
    this.context.write(this.#fromSmall.flush(), 0);
    if (this.#state === "broken") {
      this.context.replace();
      this.#state = "ready";
    }
    try {
      const { status } = await this.context.sync();
      return status === "ok" ? undefined : this.runFull();
    } catch (error) {
      return this.fail(error);
    }
  }

  /** Gives its sequence up. A retryable failure costs a retry: the next hand-off then begins with a new sequence. */
  fail(error: unknown): Loss {
    this.context.fail(error);
    const retryable = error instanceof SplitReasonError && error.retryable && this.#retriesLeft > 0;
    if (retryable) this.#retriesLeft--;
    this.#state = retryable ? "broken" : "lost";
    return {
      message: describeFailure(this.context.engine, error),
      ...(error instanceof SplitReasonError ? { code: error.code } : {}),
    };
  }

  /** Its context is full: a value, and final. */
  runFull(): Loss {
    this.#state = "lost";
    const { model, capabilities } = this.context.engine;
    return { message: `${model}: its context of ${capabilities.contextSize} tokens is full.` };
  }

  /** Ends a segment in the background: stops the reader, and forgets and counts what comes after the cut. */
  handBack(reader: BigReader, kept: KeptPart): void {
    this.context.noteGenerated(kept.pieces);
    const stopped = reader.stop().then(() => this.context.countDiscarded(reader.tokensRead - kept.tokens));
    this.context.track(stopped);
    void this.context.enqueue(async () => {
      await stopped;
      const { sequence } = this.context;
      if (sequence.position > kept.position) await sequence.truncate(kept.position);
    });
    if (kept.remainder !== "") this.hear({ text: kept.remainder });
  }
}
