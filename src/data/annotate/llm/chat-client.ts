/** Asks an OpenAI-compatible server for one chat completion. It is bounded in time and size, and every outcome is a value. */
import { Agent, request } from "undici";
import { z } from "zod";

import { linkWithLimit } from "../../../core/async.ts";
import { explainFault } from "../../../core/connection-faults.ts";
import { errorMessage } from "../../../core/errors.ts";
import { firstFault } from "../../../core/schema-faults.ts";
import { BodyTooLargeError, messageInBody, readBody, retryAfterMs } from "../../../core/http-body.ts";
import type { Secret } from "../../../engines/http/transport/credentials.ts";
import { addressOf } from "../../../engines/http/transport/transport.ts";
import { ANSWER_SCHEMA, type AnswerFormat, type PromptMessage } from "./prompt.ts";

export interface ChatEndpoint {
  /** Base URL, with or without `/v1`. */
  readonly url: string;
  readonly model: string;
  readonly key: Secret | undefined;
  /** Longest time from sending a request to the end of its answer. */
  readonly timeoutMs: number;
}

export interface ChatQuestion {
  readonly messages: readonly PromptMessage[];
  readonly temperature: number;
  readonly maxTokens: number;
  readonly format: AnswerFormat;
  /**
   * The same for the same question in every run. A server that honours it answers a repeated request without computing it
   * again.
   */
  readonly idempotencyKey: string;
}

export interface TokenUsage {
  readonly promptTokens: number;
  readonly completionTokens: number;
}

export type ChatOutcome =
  | {
      readonly status: "answered";
      readonly text: string;
      readonly finish: string;
      /** Tokens by the server's count; undefined when it does not report any. */
      readonly usage: TokenUsage | undefined;
    }
  /** The same request may succeed later. `kind` is for counting. */
  | {
      readonly status: "unavailable";
      readonly kind: "rate-limit" | "server-error" | "timeout" | "connection" | "malformed";
      readonly reason: string;
      /** The wait that the server asked for. */
      readonly retryAfterMs: number | undefined;
    }
  /** This question will never be answered. */
  | { readonly status: "refused"; readonly code: number; readonly reason: string }
  /** No question will be answered: a wrong key, model or address, or an empty account. */
  | { readonly status: "impossible"; readonly reason: string };

const MOST_ANSWER_BYTES = 8 * 1024 * 1024;
const MOST_REASON = 300;

const completionSchema = z.object({
  choices: z
    .array(
      z.object({
        message: z.object({ content: z.string().nullish() }),
        finish_reason: z.string().nullish(),
      }),
    )
    .min(1),
  usage: z
    .object({ prompt_tokens: z.number().nonnegative(), completion_tokens: z.number().nonnegative() })
    .nullish(),
});

/** Statuses of a wrong key, no money, no permission, no such model. */
const IMPOSSIBLE: ReadonlySet<number> = new Set([401, 402, 403, 404, 405]);

export class ChatClient implements AsyncDisposable {
  readonly #endpoint: ChatEndpoint;
  readonly #agent: Agent;

  constructor(endpoint: ChatEndpoint) {
    this.#endpoint = endpoint;
    this.#agent = new Agent({ connect: { timeout: 10_000 }, headersTimeout: 0, bodyTimeout: 0 });
  }

  /** @throws the reason of `signal` when that aborts; nothing else. */
  async ask(question: ChatQuestion, signal: AbortSignal): Promise<ChatOutcome> {
    const { url, model, key, timeoutMs } = this.#endpoint;
    const link = linkWithLimit(timeoutMs, () => new Error("timeout"), signal);
    try {
      const answer = await request(addressOf(url, { at: "api", path: "/chat/completions" }), {
        dispatcher: this.#agent,
        method: "POST",
        headers: {
          "content-type": "application/json",
          accept: "application/json",
          "idempotency-key": question.idempotencyKey,
          ...(key === undefined ? {} : { authorization: `Bearer ${key.reveal()}` }),
        },
        body: JSON.stringify({
          model,
          messages: question.messages,
          temperature: question.temperature,
          max_tokens: question.maxTokens,
          ...(question.format === "schema"
            ? { response_format: { type: "json_schema", json_schema: ANSWER_SCHEMA } }
            : {}),
        }),
        signal: link.signal,
      });
      const text = (await readBody(answer.body, MOST_ANSWER_BYTES, url)).toString("utf8");
      const said = key?.removeFrom(text) ?? text;
      return answer.statusCode < 300
        ? readCompletion(said)
        : readRefusal(answer.statusCode, said, answer.headers["retry-after"]);
    } catch (error) {
      signal.throwIfAborted();
      const timedOut = link.signal.aborted;
      return {
        status: "unavailable",
        kind: timedOut ? "timeout" : error instanceof BodyTooLargeError ? "malformed" : "connection",
        reason: timedOut ? `no whole answer within ${timeoutMs / 1000} s` : explainFault(error),
        retryAfterMs: undefined,
      };
    } finally {
      link.release();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }
}

function readCompletion(body: string): ChatOutcome {
  let document: unknown;
  try {
    document = JSON.parse(body);
  } catch (error) {
    return malformed(`it is not JSON: ${errorMessage(error)}`);
  }
  const parsed = completionSchema.safeParse(document);
  if (!parsed.success) return malformed(firstFault(parsed.error, completionSchema, document));
  const { choices, usage } = parsed.data;
  return {
    status: "answered",
    text: choices[0]?.message.content ?? "",
    finish: choices[0]?.finish_reason ?? "unknown",
    usage: usage
      ? { promptTokens: usage.prompt_tokens, completionTokens: usage.completion_tokens }
      : undefined,
  };
}

const malformed = (reason: string): ChatOutcome => ({
  status: "unavailable",
  kind: "malformed",
  reason: `an answer that is no chat completion: ${reason}`,
  retryAfterMs: undefined,
});

function readRefusal(code: number, body: string, retryAfter: string | string[] | undefined): ChatOutcome {
  const reason = `${code}: ${messageInBody(body).slice(0, MOST_REASON)}`;
  if (code === 408 || code === 409 || code === 425 || code === 429 || code >= 500) {
    return {
      status: "unavailable",
      kind: code === 429 ? "rate-limit" : "server-error",
      reason,
      retryAfterMs: retryAfterMs(retryAfter, Date.now()),
    };
  }
  return IMPOSSIBLE.has(code) ? { status: "impossible", reason } : { status: "refused", code, reason };
}
