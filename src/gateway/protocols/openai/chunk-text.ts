/** The text of OpenAI's streams. Each event is one line of JSON, joined from constant parts. */
import type { Author } from "../../../decode/index.ts";
import type { WireErrorType } from "../../failures/failure-codes.ts";
import type { GatewayError } from "../../failures/gateway-error.ts";
import type { AnswerHead, AnswerUsage, StreamFormat } from "../../generation/response-format.ts";
import { wireUsage } from "./report.ts";

const DONE = "data: [DONE]\n\n";
const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;

/**
 * The constant parts of a stream's events, written once, so that a token costs one small string. The tail closes the delta,
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

  /** @param opening The text between the choice's number and the text of the model. */
  text(choice: number, opening: string, author: Author, text: string, tokens: number): string {
    const start = `${this.#head}${choice}${opening}${JSON.stringify(text)}`;
    if (this.#authors !== undefined) return `${start}${this.#authors[author]}${tokens}}}\n\n`;
    // The text is half a character, or a mark that is left out.
    return text === "" ? "" : `${start}${this.#tail}}\n\n`;
  }

  /** Writes an event without text: `rest` has the choice's other fields, `more` those beside the choices. */
  other(choice: number, rest: object, more: object = {}): string {
    const fields = JSON.stringify(rest).slice(1, -1);
    const beside = JSON.stringify(more).slice(1, -1);
    return `${this.#head}${choice},${fields}}]${beside === "" ? "" : `,${beside}`}}\n\n`;
  }
}

/** Writes the end of a stream: the usage where the client asks for it, or the error. */
export function streamEnd(
  { id, created, model }: AnswerHead,
  object: string,
  { includeUsage }: { readonly includeUsage: boolean },
): Pick<StreamFormat, "end" | "fail"> {
  return {
    end: (usage: AnswerUsage) =>
      `${includeUsage ? event({ id, object, created, model, choices: [], usage: wireUsage(usage) }) : ""}${DONE}`,
    fail: (error: GatewayError) => event(errorBody(error)),
  };
}

interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: WireErrorType;
    readonly param: string | null;
    readonly code: string | null;
  };
}

export function errorBody({ message, param, facts }: GatewayError): ErrorBody {
  return { error: { message, type: facts.type, param: param ?? null, code: facts.wireCode } };
}
