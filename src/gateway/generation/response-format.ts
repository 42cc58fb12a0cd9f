/** The contract for writing an answer, at once or as a stream. Each protocol implements it in its folder under `protocols/`. */
import type { Author, Usage } from "../../decode/index.ts";
import type { GatewayError } from "../failures/gateway-error.ts";
import type { ChoiceResult } from "./choice.ts";
import type { Channel } from "./reasoning-splitter.ts";

export interface AnswerHead {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
  /** Whether the answer says who wrote what. */
  readonly authors: boolean;
}

/** A choice that is complete. */
export interface WrittenChoice {
  readonly result: ChoiceResult;
  readonly reasoning: string;
  readonly content: string;
}

/** The sum over all choices. The tokens of a prompt count once, however many choices it has. */
export interface AnswerUsage extends Pick<
  Usage,
  "promptTokens" | "smallTokens" | "bigTokens" | "discardedTokens" | "switches"
> {
  /** Undefined where reasoning and answer are not told apart. */
  readonly reasoningTokens: number | undefined;
}

export interface ResponseFormat {
  /** Prefix of the answer's id. */
  readonly idPrefix: string;
  /** The whole answer. */
  complete(head: AnswerHead, choices: readonly WrittenChoice[], usage: AnswerUsage): object;
  stream(head: AnswerHead, options: { readonly includeUsage: boolean }): StreamFormat;
}

/** Writes a stream. Each method returns whole server-sent events, or nothing. */
export interface StreamFormat {
  open(choice: number): string;
  text(choice: number, channel: Channel, author: Author, text: string, tokens: number): string;
  finish(result: ChoiceResult): string;
  /** Ends a stream that succeeded. */
  end(usage: AnswerUsage): string;
  /** Ends a stream that failed. */
  fail(error: GatewayError): string;
}
