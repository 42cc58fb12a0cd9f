/**
 * Hold-back for stop texts of several tokens. A token that may belong to a stop text waits until that is decided, so that no token of
 * a stop text is ever given out. Pure.
 */
import { findMarker, partialMarkerLength } from "../tags/partial.ts";

export interface HeldToken {
  /** The text that the token added, empty within a code point. */
  readonly text: string;
  /** Whether a code point is incomplete after this token. */
  readonly isOpen: boolean;
  readonly logprob?: number | undefined;
}

export interface StopMatch<Token extends HeldToken> {
  readonly marker: string;
  /** Tokens that made up the stop text. The first one may begin before it. */
  readonly dropped: readonly Token[];
  /** Text of the dropped tokens before the stop text: it belongs to what was generated. */
  readonly prefix: string;
  /** Log-probability of the stop text, known if it begins and ends with a token. */
  readonly logprob?: number;
}

export interface HoldStep<Token extends HeldToken> {
  /** Tokens that do not belong to a stop text, in order. */
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

  /** Releases everything that is held, since nothing more comes. */
  flush(): readonly Token[] {
    const tokens = this.#tokens;
    this.#tokens = [];
    this.#text = "";
    return tokens;
  }

  /** Takes out the tokens that end within the first `length` characters and not within a code point. */
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
