/**
 * Asks until there is an answer or no hope of one. It keeps rate limits, Retry-After and the budget, and waits longer, with
 * jitter, before each retry. The first question of a run finds out whether the server holds answers to a schema.
 */
import type { Rng } from "../../../core/rng.ts";
import { type Budget, type Reservation } from "./budget.ts";
import type { ChatClient, ChatOutcome, ChatQuestion, TokenUsage } from "./chat-client.ts";
import { type Pacer, type Sleep } from "./pacer.ts";
import type { AnswerFormat } from "./prompt.ts";
import { sleep } from "../../../core/async.ts";

export interface ChatOptions {
  readonly client: Pick<ChatClient, "ask">;
  readonly pacer: Pacer;
  readonly budget: Budget;
  readonly rng: Rng;
  /** Most times that one question is sent. */
  readonly tries: number;
  /** Form of the answers. Default: a schema if the server supports one. */
  readonly format: AnswerFormat | undefined;
  readonly sleep?: Sleep;
}

export type AskOutcome =
  | (Extract<ChatOutcome, { readonly status: "answered" }> & {
      readonly format: AnswerFormat;
      readonly usage: TokenUsage;
      /** Whether the usage is the server's count; otherwise it is estimated from the lengths. */
      readonly isCounted: boolean;
    })
  | Extract<ChatOutcome, { readonly status: "unavailable" | "refused" | "impossible" }>
  | { readonly status: "out-of-budget" };

export interface AskSignals {
  /** When it aborts, no new request is sent. */
  readonly stop: AbortSignal;
  /** When it aborts, the request under way is abandoned. */
  readonly signal: AbortSignal;
  /** Called before each request. */
  readonly asking: () => void;
}

type Question = Omit<ChatQuestion, "format" | "messages"> & {
  readonly messages: (format: AnswerFormat) => ChatQuestion["messages"];
};

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** Tokens a character, to estimate where the server does not count. Few texts have more. */
const MOST_TOKENS_PER_CHARACTER = 0.5;
const USUAL_TOKENS_PER_CHARACTER = 0.3;

export class Chat {
  readonly #options: ChatOptions;
  #format: AnswerFormat | undefined;
  #probe: Promise<AskOutcome> | undefined;
  readonly #troubles = new Map<string, number>();

  constructor(options: ChatOptions) {
    this.#options = options;
    this.#format = options.format;
  }

  /** Number of retried requests, by the kind of trouble. */
  get troubles(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#troubles);
  }

  /** Form of the answers, once it is known. */
  get format(): AnswerFormat | undefined {
    return this.#format;
  }

  /** @throws a signal's reason, and nothing else. */
  async ask(question: Question, signals: AskSignals): Promise<AskOutcome> {
    while (this.#format === undefined) {
      if (this.#probe !== undefined) {
        await this.#probe.catch(() => undefined);
        continue;
      }
      this.#probe = this.#askEitherWay(question, signals);
      try {
        return await this.#probe;
      } finally {
        this.#probe = undefined;
      }
    }
    return await this.#askRepeatedly(question, this.#format, signals);
  }

  /** Asks with a schema first; a server that refuses it gets the same question without. */
  async #askEitherWay(question: Question, signals: AskSignals): Promise<AskOutcome> {
    const outcome = await this.#askRepeatedly(question, "schema", signals);
    if (outcome.status === "answered") this.#format = "schema";
    if (outcome.status !== "refused") return outcome;
    const without = await this.#askRepeatedly(question, "marks", signals);
    if (without.status === "answered") this.#format = "marks";
    return without;
  }

  async #askRepeatedly(question: Question, format: AnswerFormat, signals: AskSignals): Promise<AskOutcome> {
    const { client, pacer, budget, rng, tries, sleep: sleepFor = sleep } = this.#options;
    const messages = question.messages(format);
    const characters = messages.reduce((sum, { content }) => sum + content.length, 0);
    const most = {
      promptTokens: Math.ceil(characters * MOST_TOKENS_PER_CHARACTER),
      completionTokens: question.maxTokens,
    };
    for (let attempt = 1; ; attempt++) {
      const reservation = await budget.reserve(most, signals.stop);
      if (reservation === undefined) return { status: "out-of-budget" };
      const outcome = await this.#askOnce(
        { ...question, messages, format },
        reservation,
        signals,
        pacer,
        client,
      );
      if (outcome.status === "answered") {
        const usage = outcome.usage ?? guessedUsage(characters, outcome.text);
        reservation.settle(usage);
        return { ...outcome, format, usage, isCounted: outcome.usage !== undefined };
      }
      // A request that ran out of time was read, so at least its prompt is charged.
      const wasRead = outcome.status === "unavailable" && outcome.kind === "timeout";
      reservation.settle(wasRead ? { ...guessedUsage(characters, ""), completionTokens: 0 } : NOTHING);
      if (outcome.status !== "unavailable") return outcome;
      this.#troubles.set(outcome.kind, (this.#troubles.get(outcome.kind) ?? 0) + 1);
      if (attempt >= tries) return outcome;
      const grown = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1));
      // Between half and all of the wait, so that requests that failed together do not return together.
      const waitMs = Math.max(outcome.retryAfterMs ?? 0, grown * (0.5 + rng.next() / 2));
      if (outcome.retryAfterMs !== undefined) pacer.pause(outcome.retryAfterMs);
      await sleepFor(waitMs, signals.stop);
    }
  }

  async #askOnce(
    question: ChatQuestion,
    reservation: Reservation,
    signals: AskSignals,
    pacer: Pacer,
    client: Pick<ChatClient, "ask">,
  ): Promise<ChatOutcome> {
    try {
      await pacer.turn(signals.stop);
      signals.asking();
      return await client.ask(question, signals.signal);
    } catch (error) {
      reservation.settle(NOTHING);
      throw error;
    }
  }
}

const NOTHING: TokenUsage = { promptTokens: 0, completionTokens: 0 };

const guessedUsage = (promptCharacters: number, answer: string): TokenUsage => ({
  promptTokens: Math.ceil(promptCharacters * USUAL_TOKENS_PER_CHARACTER),
  completionTokens: Math.ceil(answer.length * USUAL_TOKENS_PER_CHARACTER),
});
