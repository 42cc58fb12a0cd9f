/** Renders chats with the templates that the engines have now. An engine that was away may bring its own template. */
import { Pair } from "../../decode/pair/pair.ts";

export class PromptRenderer {
  #pair: Pair;
  #small: string | undefined;
  #big: string | undefined;

  constructor(pair: Pair) {
    this.#pair = pair;
    this.#small = pair.small.chatTemplate;
    this.#big = pair.big?.chatTemplate;
  }

  /** The pair with its current templates. @throws ConfigError for a template that cannot be used. */
  current(): Pair {
    const { config, small, big } = this.#pair;
    if (small.chatTemplate !== this.#small || big?.chatTemplate !== this.#big) {
      this.#pair = new Pair(config, { small, ...(big === undefined ? {} : { big }) });
      this.#small = small.chatTemplate;
      this.#big = big?.chatTemplate;
    }
    return this.#pair;
  }
}
