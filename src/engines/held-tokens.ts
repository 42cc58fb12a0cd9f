/**
 * Stop texts of several tokens: tokens that may still belong to one are held back until that is decided, so that none of a stop
 * text's tokens is ever given out. Pure.
 */
import { findMarker, partialMarkerLength } from "../tags/partial.ts";

export interface HeldToken {
  /** What the token added to the text: empty within a code point. */
  readonly text: string;
  /** Whether a code point is incomplete after this token. */
  readonly isOpen: boolean;
  readonly logprob?: number | undefined;
}

export interface StopMatch<Token extends HeldToken> {
  readonly marker: string;
  /** Tokens that made up the stop text, the first of them wholly or in part. */
  readonly dropped: readonly Token[];
  /** Text of the dropped tokens that stands before the stop text: it belongs to what was generated. */
  readonly prefix: string;
  /** The stop text's own log-probability: known when it begins and ends with a token. */
  readonly logprob?: number;
}

export interface HoldStep<Token extends HeldToken> {
  /** Tokens that are no part of a stop text, in order. */
  readonly released: readonly Token[];
  readonly match?: StopMatch<Token>;
}

export class HeldTokens<Token extends HeldToken> {
  readonly #markers: readonly string[];
  #tokens: Token[] = [];
  #text = "";

  constructor(markers: readonly string[]) {
    this.#markers = markers.filter((marker) => marker !== "");
  }

  get count(): number {
    return this.#tokens.length;
  }

  push(token: Token): HoldStep<Token> {
    this.#tokens.push(token);
    this.#text += token.text;
    const found = findMarker(this.#text, this.#markers);
    if (found !== undefined) return this.#cut(found.marker, found.start);
    return { released: this.#release(this.#text.length - partialMarkerLength(this.#text, this.#markers)) };
  }

  /** Everything held, when nothing more comes. */
  flush(): readonly Token[] {
    const tokens = this.#tokens;
    this.#tokens = [];
    this.#text = "";
    return tokens;
  }

  /** Takes out the tokens that lie wholly within the first `length` characters and do not end within a code point. */
  #release(length: number): Token[] {
    let end = 0;
    let count = 0;
    let released = 0;
    for (const token of this.#tokens) {
      end += token.text.length;
      if (end > length) break;
      count++;
      if (!token.isOpen) released = count;
    }
    const tokens = this.#tokens.slice(0, released);
    this.#tokens = this.#tokens.slice(released);
    this.#text = this.#text.slice(tokens.reduce((sum, token) => sum + token.text.length, 0));
    return tokens;
  }

  #cut(marker: string, start: number): HoldStep<Token> {
    const before = this.#text.length;
    const released = this.#release(start);
    const prefix = this.#text.slice(0, start - (before - this.#text.length));
    const endsWithToken = this.#text.length === prefix.length + marker.length;
    const dropped = this.flush();
    const logprob =
      prefix === "" && endsWithToken && dropped.every((token) => token.logprob !== undefined)
        ? dropped.reduce((sum, token) => sum + (token.logprob ?? 0), 0)
        : undefined;
    return { released, match: { marker, dropped, prefix, ...(logprob === undefined ? {} : { logprob }) } };
  }
}
