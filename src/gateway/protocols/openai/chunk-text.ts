/** How a protocol writes an answer, at once or piece by piece. Implemented by `chat-format.ts` and `completion-format.ts`. */
import type { Author } from "../../../decode/index.ts";
import type { ChoiceResult } from "../../generation/choice.ts";
import type { Channel } from "../../generation/reasoning-splitter.ts";
import type { WireUsage } from "./report.ts";

export interface AnswerHead {
  /** Without the protocol's prefix. */
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
  readonly authors: boolean;
}

/** A choice that is complete. */
export interface WrittenChoice {
  readonly result: ChoiceResult;
  readonly reasoning: string;
  readonly content: string;
}

export interface ResponseFormat {
  readonly idPrefix: string;
  /** The whole answer. `reasoning` says whether it was told apart from the content. */
  complete(head: AnswerHead, choices: readonly WrittenChoice[], usage: WireUsage): object;
  stream(head: AnswerHead, options: { readonly includeUsage: boolean }): StreamFormat;
}

/** Each method gives one whole server-sent event, or nothing. */
export interface StreamFormat {
  open(choice: number): string;
  text(choice: number, channel: Channel, author: Author, text: string, tokens: number): string;
  finish(result: ChoiceResult): string;
  usage(usage: WireUsage): string;
}

export const DONE = "data: [DONE]\n\n";
export const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;

/**
 * The constant parts of a stream's events, written out once: a token then costs one small string. `tail` closes the delta,
 * the choice and the event.
 */
export class ChunkText {
  readonly #head: string;
  readonly #tail: string;
  readonly #authors: Readonly<Record<Author, string>> | undefined;

  constructor(
    head: AnswerHead,
    object: string,
    { includeUsage }: { readonly includeUsage: boolean },
    closing: string,
  ) {
    const { id, created, model } = head;
    const base = JSON.stringify({ id, object, created, model, ...(includeUsage ? { usage: null } : {}) });
    this.#head = `data: ${base.slice(0, -1)},"choices":[{"index":`;
    this.#tail = `${closing},"finish_reason":null}]`;
    const author = (name: Author): string => `${this.#tail},"splitreason":{"author":"${name}","tokens":`;
    this.#authors = head.authors ? { small: author("small"), big: author("big") } : undefined;
  }

  /** `opening` is what stands between the choice's number and the text. */
  text(choice: number, opening: string, author: Author, text: string, tokens: number): string {
    const start = `${this.#head}${choice}${opening}${JSON.stringify(text)}`;
    if (this.#authors !== undefined) return `${start}${this.#authors[author]}${tokens}}}\n\n`;
    // Half a character, or a mark that is left out.
    return text === "" ? "" : `${start}${this.#tail}}\n\n`;
  }

  /** A choice without text: `rest` is the choice's other fields, `more` those beside the choices. */
  other(choice: number, rest: object, more: object = {}): string {
    const fields = JSON.stringify(rest).slice(1, -1);
    const beside = JSON.stringify(more).slice(1, -1);
    return `${this.#head}${choice},${fields}}]${beside === "" ? "" : `,${beside}`}}\n\n`;
  }

  /** The last event: the usage, and no choice. */
  static usage(head: AnswerHead, object: string, usage: WireUsage): string {
    const { id, created, model } = head;
    return event({ id, object, created, model, choices: [], usage });
  }
}
