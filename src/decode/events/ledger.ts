/** The ledger, for training: every token in the small model's context, with who decided it and how likely that was. */
import type { TokenId } from "../../core/ids.ts";

/**
 * `prompt`: given. `policy`: decided by the small model, tags included. `big`: written by the big model. `template`: put in by
 * the decoder (a forced close).
 */
export type LedgerAuthor = "prompt" | "policy" | "big" | "template";

export interface LedgerToken {
  /** In the small model's vocabulary; undefined when its engine reports no ids. */
  readonly id?: TokenId;
  /** Empty for the prompt, and where the engine reports none. */
  readonly text: string;
  readonly author: LedgerAuthor;
  /**
   * Nats, at temperature 1 and without bias, under its author; undefined for prompt and template, and for big tokens that crossed
   * between vocabularies. A tag of several tokens has the log-probability of the whole tag on its first token.
   */
  readonly logprob?: number;
  /**
   * 1 where the small model decided on its own distribution: those are the tokens that a policy gradient may touch. 0 for all
   * others. A token or tag that took the place of a refused one is 0 too: it was drawn with that tag forbidden.
   */
  readonly mask: 0 | 1;
  /**
   * log P(close) under the small model just before this token of the big model. The small model decided *not* to close there, with
   * log-probability log(1 - exp(closeLogprob)). Undefined where a close is not allowed (at a segment's first token, within a code point) and
   * where no controlling prefill ran.
   */
  readonly closeLogprob?: number;
}

export interface EndOfTurn {
  /** Which of the tokens that end a turn, where ids are known. */
  readonly id?: TokenId;
  readonly logprob?: number;
  /** 0 when it took the place of a refused tag, as for tokens. */
  readonly mask: 0 | 1;
}

export interface Ledger {
  readonly tokens: readonly LedgerToken[];
  /** Whether the small model ended its turn, which is a decision of its own after the last token. */
  readonly endOfTurn?: EndOfTurn;
}

/** The label of all tokens of one write. `logprob` goes to the first. */
export interface LedgerLabel {
  readonly author: LedgerAuthor;
  readonly text?: string;
  readonly logprob?: number;
  readonly mask: 0 | 1;
}

interface WrittenToken {
  readonly id?: TokenId | undefined;
  readonly text: string;
  readonly logprob?: number | undefined;
}

interface TokenLabel extends Pick<LedgerToken, "author" | "mask"> {
  readonly closeLogprob?: number | undefined;
}

/** Collects the tokens in the order of the small model's context. */
export class LedgerBuilder {
  readonly #tokens: LedgerToken[] = [];
  #endOfTurn: EndOfTurn | undefined;

  /** Adds one token. `token` may be more than the ledger keeps, and may have its fields undefined. */
  add(token: WrittenToken, { author, mask, closeLogprob }: TokenLabel): void {
    const { id, text, logprob } = token;
    this.#tokens.push({
      ...(id === undefined ? {} : { id }),
      text,
      author,
      ...(logprob === undefined ? {} : { logprob }),
      mask,
      ...(closeLogprob === undefined ? {} : { closeLogprob }),
    });
  }

  /** Adds tokens that were written together. Without ids (a remote engine) the write is one entry. */
  addWrite(ids: readonly TokenId[], label: LedgerLabel): void {
    const [id, ...rest] = ids;
    this.add({ id, text: label.text ?? "", logprob: label.logprob }, label);
    for (const id of rest) this.add({ id, text: "" }, label);
  }

  get length(): number {
    return this.#tokens.length;
  }

  /** Forgets what was added after the first `length` tokens. */
  rewind(length: number): void {
    this.#tokens.length = Math.min(length, this.#tokens.length);
  }

  endTurn({
    id,
    logprob,
    mask,
  }: {
    readonly id?: TokenId | undefined;
    readonly logprob?: number | undefined;
    readonly mask: 0 | 1;
  }): void {
    this.#endOfTurn = {
      ...(id === undefined ? {} : { id }),
      ...(logprob === undefined ? {} : { logprob }),
      mask,
    };
  }

  build(): Ledger {
    return { tokens: this.#tokens, ...(this.#endOfTurn === undefined ? {} : { endOfTurn: this.#endOfTurn }) };
  }
}
