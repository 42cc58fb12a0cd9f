/**
 * vLLM's OpenAI-compatible server: `/v1/completions` with its own parameters, `/tokenize`, `/detokenize`, `/v1/models`. With
 * `plain`, any other completions server: texts only, no word on which stop text matched.
 */
import { z } from "zod";

import {
  type Call,
  type Dialect,
  DONE,
  jsonItem,
  jsonReply,
  Refusal,
  type Reply,
  type StreamItem,
} from "../reply.ts";
import type { Serving } from "../serving.ts";
import { CompletionChoice } from "./completion-choice.ts";
import {
  checkIds,
  encodeText,
  ids,
  interleave,
  nowSeconds,
  parseBody,
  promptField,
  promptsOf,
  requestId,
  stopField,
} from "./shared.ts";

const bias = z.record(z.string().regex(/^\d+$/u), z.number()).nullish();

/** The facts that every completions server has. */
const plainFields = {
  model: z.string().optional(),
  prompt: promptField,
  max_tokens: z.number().int().min(1).nullish(),
  temperature: z.number().min(0).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  n: z.literal(1).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().optional() }).strict().nullish(),
  logprobs: z.number().int().min(0).nullish(),
  echo: z.literal(false).nullish(),
  stop: stopField,
  seed: z.number().int().nullish(),
  logit_bias: bias,
  presence_penalty: z.literal(0).nullish(),
  frequency_penalty: z.literal(0).nullish(),
  user: z.string().nullish(),
};

const plainSchema = z.object(plainFields).strict();

const vllmSchema = z
  .object({
    ...plainFields,
    top_k: z.number().int().nullish(),
    min_p: z.number().min(0).max(1).nullish(),
    repetition_penalty: z.literal(1).nullish(),
    stop_token_ids: ids.nullish(),
    include_stop_str_in_output: z.boolean().default(false),
    skip_special_tokens: z.boolean().default(true),
    spaces_between_special_tokens: z.boolean().default(true),
    add_special_tokens: z.boolean().default(true),
    ignore_eos: z.boolean().default(false),
    min_tokens: z.literal(0).optional(),
    return_token_ids: z.boolean().nullish(),
    return_tokens_as_token_ids: z.boolean().nullish(),
    logprob_token_ids: ids.nullish(),
  })
  .strict();

export type CompletionBody = z.output<typeof vllmSchema>;
type Body = CompletionBody;

export interface CompletionsOptions {
  /** Texts only, and nothing beyond OpenAI's own fields. */
  readonly plain: boolean;
  /** Whether special tokens are shown where the request cannot say so (`plain`). */
  readonly special: boolean;
  /** Whether the plain server takes `logit_bias`, and whether it gives `logprobs`. */
  readonly logitBias: boolean;
  readonly logprobs: boolean;
}

const MAX_PLAIN_LOGPROBS = 5;
const MAX_LOGPROBS = 20;

export class CompletionsDialect implements Dialect {
  readonly name: string;
  readonly #serving: Serving;
  readonly #options: CompletionsOptions;

  constructor(serving: Serving, options: CompletionsOptions) {
    this.name = options.plain ? "openai" : "vllm";
    this.#serving = serving;
    this.#options = options;
  }

  error(message: string, status: number, kind: string): unknown {
    if (this.#options.plain) return { error: { message, type: kind, param: null, code: null } };
    const type = status === 404 ? "NotFoundError" : status < 500 ? "BadRequestError" : "InternalServerError";
    return { error: { message, type, param: null, code: status } };
  }

  async answer({ method, path, body, signal }: Call): Promise<Reply | undefined> {
    const { model } = this.#serving;
    const route = `${method} ${path}`;
    if (route === "GET /v1/models") return jsonReply(this.#models());
    if (route === "POST /v1/completions") return this.#complete(this.#parse(body), signal);
    if (this.#options.plain) return undefined;
    if (route === "GET /health") return jsonReply({});
    if (route === "GET /version") return jsonReply({ version: "0.19.0" });
    if (route === "POST /tokenize") {
      const { prompt, return_token_strs } = parseBody(tokenizeSchema, body);
      const tokens = encodeText(model, prompt);
      return jsonReply({
        count: tokens.length,
        max_model_len: model.contextSize,
        tokens,
        token_strs: return_token_strs === true ? tokens.map((id) => model.tokenizer.decode([id])) : null,
      });
    }
    if (route === "POST /detokenize") {
      const { tokens } = parseBody(z.object({ model: z.string().optional(), tokens: ids }), body);
      return jsonReply({ prompt: model.tokenizer.decode(checkIds(model, tokens)) });
    }
    return undefined;
  }

  #models(): unknown {
    const { name, contextSize } = this.#serving.model;
    const card = { id: name, object: "model", created: nowSeconds(), owned_by: this.name };
    return {
      object: "list",
      data: [this.#options.plain ? card : { ...card, root: name, parent: null, max_model_len: contextSize }],
    };
  }

  #parse(body: unknown): Body {
    if (!this.#options.plain) return parseBody(vllmSchema, body);
    const plain = parseBody(plainSchema, body);
    const isText =
      typeof plain.prompt === "string" || plain.prompt.every((one: unknown) => typeof one === "string");
    if (!isText) throw new Refusal("prompt: this server takes text only");
    if (!this.#options.logitBias && plain.logit_bias) throw new Refusal("logit_bias is not supported");
    if (!this.#options.logprobs && typeof plain.logprobs === "number")
      throw new Refusal("logprobs are not supported");
    return parseBody(vllmSchema, { ...plain, skip_special_tokens: !this.#options.special });
  }

  async #complete(body: Body, signal: AbortSignal): Promise<Reply> {
    const { model } = this.#serving;
    if (body.model !== undefined && body.model !== model.name) {
      throw new Refusal(`The model \`${body.model}\` does not exist.`, 404, "NotFoundError");
    }
    const most = this.#options.plain ? MAX_PLAIN_LOGPROBS : MAX_LOGPROBS;
    if ((body.logprobs ?? 0) > most) throw new Refusal(`logprobs: at most ${most} are possible`);
    const prompts = promptsOf(model, body.prompt);
    const maxTokens = body.max_tokens ?? 16;
    for (const prompt of prompts) {
      if (prompt.length === 0) throw new Refusal("the prompt is empty");
      if (prompt.length + maxTokens > model.contextSize) {
        throw new Refusal(
          `This model's maximum context length is ${model.contextSize} tokens. However, you requested ` +
            `${prompt.length + maxTokens} tokens (${prompt.length} in the prompt, ${maxTokens} in the completion).`,
        );
      }
    }
    const head = {
      id: requestId("cmpl-"),
      object: "text_completion",
      created: nowSeconds(),
      model: model.name,
    };
    const choices = prompts.map(
      (prompt, index) =>
        new CompletionChoice(this.#serving, prompt, index, {
          ...body,
          maxTokens,
          plain: this.#options.plain,
        }),
    );
    const streams = choices.map((choice) => choice.stream(signal));
    if (body.stream === true) {
      return { type: "stream", items: streamed(head, body, choices, streams) };
    }
    await Promise.all(
      streams.map(async (stream) => {
        for await (const _ of stream);
      }),
    );
    return jsonReply({ ...head, choices: choices.map((choice) => choice.whole()), usage: usageOf(choices) });
  }
}

const tokenizeSchema = z
  .object({
    model: z.string().optional(),
    prompt: z.string(),
    add_special_tokens: z.boolean().optional(),
    return_token_strs: z.boolean().optional(),
  })
  .strict();

async function* streamed(
  head: object,
  body: Body,
  choices: readonly CompletionChoice[],
  streams: readonly AsyncIterable<unknown>[],
): AsyncGenerator<StreamItem, void, undefined> {
  const usage = body.stream_options?.include_usage === true ? { usage: null } : {};
  for await (const choice of interleave(streams)) yield jsonItem({ ...head, choices: [choice], ...usage });
  if (body.stream_options?.include_usage === true)
    yield jsonItem({ ...head, choices: [], usage: usageOf(choices) });
  yield DONE;
}

function usageOf(choices: readonly CompletionChoice[]): unknown {
  const prompt_tokens = choices.reduce((sum, { promptTokens }) => sum + promptTokens, 0);
  const completion_tokens = choices.reduce((sum, { completionTokens }) => sum + completionTokens, 0);
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}
