/**
 * llama.cpp's server: `/completion`, `/tokenize`, `/detokenize`, `/props`, `/slots`, `/health`, `/v1/models`. It imitates tools/server of
 * version 0.5. Sampling defaults are not neutral. Special tokens are shown only with `special` or as `preserved_tokens`. A stream has no
 * event, and so no id, for a token that leaves a code point incomplete. There is no `[DONE]`.
 */
import { z } from "zod";

import { controlPiece } from "../../../../src/core/piece.ts";
import { tokenId, type TokenId } from "../../../../src/core/ids.ts";
import { OutputText } from "../output-text.ts";
import {
  type Call,
  type Dialect,
  jsonItem,
  jsonReply,
  Refusal,
  type Reply,
  type StreamItem,
} from "../reply.ts";
import { likeliest, logprobsOf } from "../sampler.ts";
import type { RunToken, Serving } from "../serving.ts";
import { checkIds, encodeText, interleave, nowSeconds, parseBody, stopField, stopsOf } from "./shared.ts";

const token = z.number().int().nonnegative();
const mixed = z.array(z.union([token, z.string()]));
const biasValue = z.union([z.number(), z.literal(false)]);

const completionSchema = z
  .object({
    prompt: z.union([z.string(), mixed, z.array(mixed)]),
    model: z.string().optional(),
    n_predict: z.number().int().min(-1).optional(),
    max_tokens: z.number().int().min(-1).optional(),
    temperature: z.number().min(0).default(0.8),
    top_k: z.number().int().min(0).default(40),
    top_p: z.number().min(0).max(1).default(0.95),
    min_p: z.number().min(0).max(1).default(0.05),
    typical_p: z.literal(1).optional(),
    top_n_sigma: z.literal(-1).optional(),
    xtc_probability: z.literal(0).optional(),
    dynatemp_range: z.literal(0).optional(),
    repeat_penalty: z.literal(1).optional(),
    repeat_last_n: z.number().int().min(0).optional(),
    presence_penalty: z.literal(0).optional(),
    frequency_penalty: z.literal(0).optional(),
    dry_multiplier: z.literal(0).optional(),
    mirostat: z.literal(0).optional(),
    samplers: z.array(z.string()).optional(),
    seed: z.number().int().default(-1),
    stop: stopField,
    stream: z.boolean().default(false),
    cache_prompt: z.boolean().default(true),
    id_slot: z.number().int().min(-1).optional(),
    ignore_eos: z.boolean().default(false),
    n_probs: z.number().int().min(0).default(0),
    post_sampling_probs: z.literal(false).optional(),
    return_tokens: z.boolean().default(false),
    return_progress: z.literal(false).optional(),
    timings_per_token: z.boolean().default(false),
    preserved_tokens: z.array(z.string()).default([]),
    logit_bias: z
      .union([z.array(z.tuple([z.union([token, z.string()]), biasValue])), z.record(z.string(), biasValue)])
      .default([]),
    n_keep: z.number().int().optional(),
    response_fields: z.array(z.string()).optional(),
  })
  .strict();

type Body = z.output<typeof completionSchema>;

export class LlamacppDialect implements Dialect {
  readonly name = "llamacpp";
  readonly #serving: Serving;
  readonly #special: boolean;

  /** @param special As with the server's flag `--special`: special tokens are shown in every output. */
  constructor(serving: Serving, special: boolean) {
    this.#serving = serving;
    this.#special = special;
  }

  error(message: string, status: number, kind: string): unknown {
    return { error: { code: status, message, type: kind } };
  }

  async answer({ method, path, body, signal }: Call): Promise<Reply | undefined> {
    const { model, slots, busy } = this.#serving;
    const { tokenizer } = model;
    switch (`${method} ${path}`) {
      case "GET /health":
      case "GET /v1/health":
        return jsonReply({ status: "ok" });
      case "GET /models":
      case "GET /v1/models": {
        const meta = { vocab_type: 2, n_vocab: tokenizer.size, n_ctx_train: model.contextSize };
        const card = { id: model.name, object: "model", created: nowSeconds(), owned_by: "llamacpp", meta };
        return jsonReply({ object: "list", data: [card] });
      }
      case "GET /props": {
        const { endOfTurn } = tokenizer;
        return jsonReply({
          default_generation_settings: { n_ctx: model.contextSize, params: { n_predict: -1 } },
          total_slots: slots,
          model_alias: model.name,
          model_path: model.name,
          chat_template: model.chatTemplate ?? "",
          bos_token: "",
          eos_token: endOfTurn === undefined ? "" : tokenizer.decode([endOfTurn]),
          build_info: "b0-test",
        });
      }
      case "GET /slots":
        return jsonReply(
          Array.from({ length: slots }, (_, id) => ({
            id,
            n_ctx: model.contextSize,
            is_processing: id < busy,
          })),
        );
      case "POST /tokenize": {
        const { content, parse_special, with_pieces } = parseBody(tokenizeSchema, body);
        const tokens = encodeText(model, content, parse_special);
        return jsonReply({
          tokens: with_pieces ? tokens.map((id) => ({ id, piece: this.#piece(id) })) : tokens,
        });
      }
      case "POST /detokenize": {
        const { tokens } = parseBody(z.object({ tokens: z.array(token) }).strict(), body);
        return jsonReply({ content: tokenizer.decode(checkIds(model, tokens)) });
      }
      case "POST /completion":
      case "POST /completions":
        return this.#complete(parseBody(completionSchema, body), signal);
      default:
        return undefined;
    }
  }

  /** A piece that is not text by itself is given as its bytes. */
  #piece(id: TokenId): string | number[] {
    const bytes = Buffer.from(this.#serving.model.tokenizer.bytes(id));
    const text = bytes.toString("utf8");
    return text.includes("\ufffd") ? [...bytes] : text;
  }

  async #complete(body: Body, signal: AbortSignal): Promise<Reply> {
    const { model } = this.#serving;
    const prompts = promptsOf(this.#serving, body.prompt);
    for (const prompt of prompts) {
      if (prompt.length === 0) throw new Refusal("the prompt is empty");
      if (prompt.length >= model.contextSize) {
        throw new Refusal(
          `request (${prompt.length} tokens) exceeds the available context size (${model.contextSize} tokens), try increasing it`,
          400,
          "exceed_context_size_error",
        );
      }
    }
    const completions = prompts.map(
      (prompt, index) => new LlamaCompletion(this.#serving, body, prompt, index, this.#special),
    );
    if (body.stream) {
      const streams = completions.map((completion) => completion.stream(signal));
      return { type: "stream", items: asItems(interleave(streams)) };
    }
    const results = await Promise.all(
      completions.map(async (completion) => {
        let last: object | undefined;
        for await (const event of completion.stream(signal)) last = event;
        return last;
      }),
    );
    return jsonReply(results.length === 1 ? results[0] : results);
  }
}

const tokenizeSchema = z
  .object({
    content: z.string(),
    add_special: z.boolean().default(false),
    parse_special: z.boolean().default(true),
    with_pieces: z.boolean().default(false),
  })
  .strict();

async function* asItems(events: AsyncIterable<object>): AsyncGenerator<StreamItem, void, undefined> {
  for await (const event of events) yield jsonItem(event);
}

function promptsOf({ model }: Serving, prompt: Body["prompt"]): TokenId[][] {
  if (typeof prompt === "string") return [encodeText(model, prompt)];
  const one = (parts: readonly (number | string)[]): TokenId[] =>
    parts.flatMap((part) => (typeof part === "string" ? encodeText(model, part) : checkIds(model, [part])));
  // A list of texts alone is several prompts; with ids among them it is one.
  const isSeveral =
    prompt.length > 0 && prompt.every((part) => typeof part === "string" || Array.isArray(part));
  if (!isSeveral) return [one(prompt as (number | string)[])];
  return (prompt as (string | (number | string)[])[]).map((part) =>
    typeof part === "string" ? encodeText(model, part) : one(part),
  );
}

class LlamaCompletion {
  readonly #serving: Serving;
  readonly #body: Body;
  readonly #prompt: readonly TokenId[];
  readonly #index: number;
  readonly #output: OutputText;
  readonly #tokens: TokenId[] = [];
  readonly #probabilities: object[] = [];

  constructor(serving: Serving, body: Body, prompt: readonly TokenId[], index: number, special: boolean) {
    this.#serving = serving;
    this.#body = body;
    this.#prompt = prompt;
    this.#index = index;
    const { tokenizer } = serving.model;
    // As llama.cpp has it: only what is one token counts.
    const preserved = body.preserved_tokens.map((text) => tokenizer.encode([controlPiece(text)]));
    const shown = new Set<number>(preserved.filter(({ length }) => length === 1).flat());
    this.#output = new OutputText(tokenizer, {
      stop: stopsOf(body.stop),
      special: special || ((id) => shown.has(id)),
      hold: "matches",
    });
  }

  /** A stream's events; the last one is also the whole answer where nothing is streamed. */
  async *stream(signal: AbortSignal): AsyncGenerator<object, void, undefined> {
    const body = this.#body;
    const { model } = this.#serving;
    const asked = body.n_predict ?? body.max_tokens ?? -1;
    const room = model.contextSize - this.#prompt.length;
    const startMs = performance.now();
    const run = await this.#serving.run(
      this.#prompt,
      {
        sampling: {
          temperature: body.temperature,
          topP: body.top_p,
          topK: body.top_k,
          minP: body.min_p,
          bias: biasOf(this.#serving, body.logit_bias),
          seed: body.seed === -1 ? undefined : body.seed,
        },
        maxTokens: asked < 0 ? room : Math.min(asked, room),
        stopIds: new Set(),
        ignoreEnd: body.ignore_eos,
        ...(body.cache_prompt ? {} : { knownAtMost: 0 }),
      },
      signal,
    );
    const promptMs = performance.now() - startMs;
    const common = { index: this.#index, id_slot: run.slot };
    let stopWord: string | undefined;
    let last: RunToken | undefined;
    for await (const drawn of run.tokens) {
      last = drawn;
      this.#tokens.push(drawn.id);
      stopWord = this.#output.push(drawn.id);
      const ended = drawn.end !== undefined || stopWord !== undefined;
      const content = this.#output.take(ended && drawn.end?.type !== "limit");
      const probabilities = this.#probabilitiesOf(drawn);
      this.#probabilities.push(...probabilities);
      if (body.stream && !this.#output.isIncomplete) {
        yield {
          ...common,
          content,
          tokens: [drawn.id],
          stop: false,
          tokens_predicted: run.account.decoded,
          tokens_evaluated: this.#prompt.length,
          ...(probabilities.length > 0 ? { completion_probabilities: probabilities } : {}),
        };
      }
      if (stopWord !== undefined) break;
    }
    const { account } = run;
    const stopType = stopWord !== undefined ? "word" : last?.end?.type === "end-of-turn" ? "eos" : "limit";
    yield {
      ...common,
      content: body.stream ? "" : this.#output.text,
      tokens: body.stream || !body.return_tokens ? [] : this.#tokens,
      stop: true,
      model: model.name,
      tokens_predicted: account.decoded,
      tokens_evaluated: this.#prompt.length,
      generation_settings: { n_predict: asked, seed: body.seed, temperature: body.temperature },
      prompt: model.tokenizer.decode(this.#prompt),
      has_new_line: this.#output.text.includes("\n"),
      truncated: this.#prompt.length + account.decoded >= model.contextSize,
      stop_type: stopType,
      stopping_word: stopWord ?? "",
      tokens_cached: this.#prompt.length + account.decoded - 1,
      timings: {
        cache_n: account.cached,
        prompt_n: account.prefilled,
        prompt_ms: promptMs,
        predicted_n: account.decoded,
        predicted_ms: performance.now() - startMs - promptMs,
      },
      ...(!body.stream && this.#probabilities.length > 0
        ? { completion_probabilities: this.#probabilities }
        : {}),
    };
  }

  #probabilitiesOf({ id, logits }: RunToken): object[] {
    const { n_probs: count } = this.#body;
    if (count === 0) return [];
    const logprobs = logprobsOf(logits);
    const entry = (one: TokenId) => {
      const bytes = [...this.#serving.model.tokenizer.bytes(one)];
      const shown = this.#output.piece(one);
      return { id: one, token: shown, bytes: shown === "" ? [] : bytes, logprob: floor(logprobs[one]) };
    };
    return [{ ...entry(id), top_logprobs: likeliest(logprobs, count).map((ranked) => entry(ranked.id)) }];
  }
}

/** The server's own stand-in for minus infinity. */
const floor = (logprob: number | undefined): number => Math.max(logprob ?? -Infinity, -3.4028234663852886e38);

function biasOf({ model }: Serving, bias: Body["logit_bias"]): Map<number, number> {
  const result = new Map<number, number>();
  const entries: readonly (readonly [number | string, number | false])[] = Array.isArray(bias)
    ? bias
    : Object.entries(bias).map(([key, value]) => [/^\d+$/u.test(key) ? Number(key) : key, value]);
  for (const [which, value] of entries) {
    const ids = typeof which === "number" ? [tokenId(which)] : encodeText(model, which, false);
    for (const id of ids) result.set(id, value === false ? -Infinity : value);
  }
  return result;
}
