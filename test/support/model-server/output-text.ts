/** From generated tokens to the text that a server sends: special tokens shown or not, whole code points, stop texts cut off. */
import type { TokenId } from "../../../src/core/ids.ts";
import type { EngineTokenizer } from "../../../src/engines/token-backend.ts";
import { Utf8Stream } from "../../../src/engines/utf8-stream.ts";

export interface OutputTextOptions {
  readonly stop: readonly string[];
  /** Whether special tokens are shown as their text, or as nothing; or which ones. */
  readonly special: boolean | ((id: TokenId) => boolean);
  /**
   * The text that is held back while a stop text may follow. `matches`: text that may begin one (llama.cpp). `buffer`: always the
   * length of the longest one, less one (vLLM). `none`: nothing, so a part of a stop text may be sent before it is cut (SGLang).
   */
  readonly hold: "matches" | "buffer" | "none";
  /** Whether the stop text itself is part of the output. */
  readonly includeStop?: boolean;
}

export class OutputText {
  /** All that is decided, sent or not. */
  text = "";
  sent = 0;
  readonly #tokenizer: EngineTokenizer;
  readonly #options: OutputTextOptions;
  readonly #utf8 = new Utf8Stream();

  constructor(tokenizer: EngineTokenizer, options: OutputTextOptions) {
    this.#tokenizer = tokenizer;
    this.#options = options;
  }

  /** Whether the last token left a code point incomplete. */
  get isIncomplete(): boolean {
    return this.#utf8.isWaiting;
  }

  /** Adds a token. Returns the stop text that it completed: the text then ends there. */
  push(id: TokenId): string | undefined {
    const before = this.text.length;
    this.text += this.#textOf(id);
    const longest = Math.max(0, ...this.#options.stop.map((stop) => stop.length));
    let first: { readonly at: number; readonly stop: string } | undefined;
    for (const stop of this.#options.stop) {
      const at = this.text.indexOf(stop, Math.max(0, before - longest + 1));
      if (at >= 0 && (first === undefined || at < first.at)) first = { at, stop };
    }
    if (first === undefined) return undefined;
    this.text = this.text.slice(0, first.at + (this.#options.includeStop === true ? first.stop.length : 0));
    return first.stop;
  }

  /** The text that can be sent now. `end`: nothing follows. */
  take(end: boolean): string {
    const until = end ? this.text.length : Math.max(this.sent, this.text.length - this.#held());
    const text = this.text.slice(this.sent, until);
    this.sent = Math.max(this.sent, until);
    return text;
  }

  /** A token by itself, as lists of log-probabilities show it. */
  piece(id: TokenId): string {
    if (this.#isSpecial(id)) return this.#shows(id) ? this.#tokenizer.decode([id]) : "";
    return Buffer.from(this.#tokenizer.bytes(id)).toString("utf8");
  }

  #textOf(id: TokenId): string {
    if (this.#isSpecial(id)) return this.#shows(id) ? this.#tokenizer.decode([id]) : "";
    return this.#utf8.push(this.#tokenizer.bytes(id));
  }

  #shows(id: TokenId): boolean {
    const { special } = this.#options;
    return typeof special === "boolean" ? special : special(id);
  }

  #isSpecial(id: TokenId): boolean {
    return this.#tokenizer.controlId(this.#tokenizer.decode([id])) === id;
  }

  #held(): number {
    const { stop, hold } = this.#options;
    if (hold === "none" || stop.length === 0) return 0;
    if (hold === "buffer") return Math.max(...stop.map(({ length }) => length)) - 1;
    let held = 0;
    for (const one of stop) {
      for (let length = Math.min(one.length - 1, this.text.length); length > held; length--) {
        if (this.text.endsWith(one.slice(0, length))) held = length;
      }
    }
    return held;
  }
}
