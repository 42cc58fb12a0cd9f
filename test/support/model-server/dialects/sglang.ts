/** SGLang's native server: `/generate` with log-probabilities of chosen tokens at every prompt position, `/get_model_info`. */
import { z } from "zod";

import type { TokenId } from "../../../../src/core/ids.ts";
import { OutputText } from "../output-text.ts";
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
import { likeliest, logprobsOf } from "../sampler.ts";
import type { RunToken, Serving } from "../serving.ts";
import {
  checkIds,
  encodeText,
  ids,
  interleave,
  MODEL_DEFAULTS,
  nowSeconds,
  parseBody,
  requestId,
  stopField,
  stopsOf,
} from "./shared.ts";

const samplingParams = z
  .object({
    max_new_tokens: z.number().int().min(0).nullish(),
    temperature: z.number().min(0).nullish(),
    top_p: z.number().gt(0).max(1).nullish(),
    top_k: z.number().int().nullish(),
    min_p: z.number().min(0).max(1).nullish(),
    stop: stopField,
    stop_token_ids: ids.nullish(),
    ignore_eos: z.boolean().default(false),
    skip_special_tokens: z.boolean().default(true),
    spaces_between_special_tokens: z.boolean().default(true),
    no_stop_trim: z.boolean().default(false),
    n: z.literal(1).nullish(),
    logit_bias: z.record(z.string(), z.number()).nullish(),
    sampling_seed: z.number().int().nullish(),
    frequency_penalty: z.literal(0).nullish(),
    presence_penalty: z.literal(0).nullish(),
    repetition_penalty: z.literal(1).nullish(),
    min_new_tokens: z.literal(0).nullish(),
  })
  .strict();

const oneOrSeveral = <T extends z.ZodType>(schema: T) => z.union([schema, z.array(schema)]).nullish();

const generateSchema = z
  .object({
    text: z.union([z.string(), z.array(z.string())]).nullish(),
    input_ids: z.union([ids, z.array(ids)]).nullish(),
    sampling_params: z.union([samplingParams, z.array(samplingParams)]).nullish(),
    stream: z.boolean().default(false),
    rid: z.union([z.string(), z.array(z.string())]).nullish(),
    return_logprob: oneOrSeveral(z.boolean()),
    logprob_start_len: oneOrSeveral(z.number().int()),
    top_logprobs_num: oneOrSeveral(z.number().int().min(0)),
    token_ids_logprob: z.union([ids, z.array(ids)]).nullish(),
    return_text_in_logprobs: z.boolean().default(false),
  })
  .strict();

type Body = z.output<typeof generateSchema>;
type Sampling = z.output<typeof samplingParams>;

/** [logprob, id, text or null] */
type Triple = readonly [number | null, TokenId, string | null];

interface Item {
  readonly index: number;
  readonly prompt: readonly TokenId[];
  readonly sampling: Sampling;
  readonly returnLogprob: boolean;
  /** Undefined: of the output only. */
  readonly startLength: number | undefined;
  readonly topCount: number;
  readonly chosen: readonly TokenId[] | undefined;
  readonly withText: boolean;
}

export class SglangDialect implements Dialect {
  readonly name = "sglang";
  readonly #serving: Serving;

  constructor(serving: Serving) {
    this.#serving = serving;
  }

  error(message: string, status: number): unknown {
    return { error: { message, type: status < 500 ? "BadRequest" : "InternalServerError", code: status } };
  }

  async answer({ method, path, body, signal }: Call): Promise<Reply | undefined> {
    const { model } = this.#serving;
    switch (`${method} ${path}`) {
      case "GET /health":
      case "GET /health_generate":
        return jsonReply({});
      case "GET /get_model_info":
      case "GET /model_info":
        return jsonReply({
          model_path: model.name,
          tokenizer_path: model.name,
          is_generation: true,
          preferred_sampling_params: null,
        });
      case "GET /get_server_info":
      case "GET /server_info":
        return jsonReply({
          model_path: model.name,
          context_length: model.contextSize,
          max_total_num_tokens: model.contextSize * this.#serving.slots,
          max_req_input_len: model.contextSize - 1,
          version: "0.5.9",
        });
      case "GET /v1/models": {
        const card = { id: model.name, object: "model", created: nowSeconds(), owned_by: "sglang" };
        return jsonReply({
          object: "list",
          data: [{ ...card, root: model.name, max_model_len: model.contextSize }],
        });
      }
      case "POST /tokenize":
      case "POST /v1/tokenize": {
        const { prompt } = parseBody(
          z.object({
            model: z.string().optional(),
            prompt: z.string(),
            add_special_tokens: z.boolean().optional(),
          }),
          body,
        );
        const tokens = encodeText(model, prompt);
        return jsonReply({ tokens, count: tokens.length, max_model_len: model.contextSize });
      }
      case "POST /generate":
        return this.#generate(parseBody(generateSchema, body), signal);
      default:
        return undefined;
    }
  }

  async #generate(body: Body, signal: AbortSignal): Promise<Reply> {
    const { items, isBatch } = this.#itemsOf(body);
    const streams = items.map((item) => generateOne(this.#serving, item, signal));
    if (body.stream) return { type: "stream", items: streamed(streams, isBatch) };
    const results = await Promise.all(streams.map(async (stream) => (await lastOf(stream))?.()));
    return jsonReply(isBatch ? results : results[0]);
  }

  #itemsOf(body: Body): { readonly items: readonly Item[]; readonly isBatch: boolean } {
    const { model } = this.#serving;
    const given = body.input_ids ?? body.text;
    if (given === undefined || given === null || (body.input_ids && body.text))
      throw new Refusal("either text or input_ids must be provided");
    const isBatch = Array.isArray(given) && (given.length === 0 || typeof given[0] !== "number");
    const prompts = (isBatch ? given : [given]) as readonly (string | readonly number[])[];
    const items = prompts.map((one, index): Item => {
      const prompt = typeof one === "string" ? encodeText(model, one) : checkIds(model, one);
      const sampling = pick(body.sampling_params, index) ?? samplingParams.parse({});
      const chosen = body.token_ids_logprob;
      const ownChosen = (Array.isArray(chosen?.[0]) ? chosen[index] : chosen) as
        | readonly number[]
        | undefined;
      const start = pick(body.logprob_start_len, index) ?? -1;
      const returnLogprob = pick(body.return_logprob, index) ?? false;
      if (prompt.length === 0) throw new Refusal("the input is empty");
      if (prompt.length >= model.contextSize) {
        throw new Refusal(
          `The input (${prompt.length} tokens) is longer than the model's context length (${model.contextSize} tokens).`,
        );
      }
      if (start >= prompt.length) throw new Refusal("logprob_start_len is higher than the input's length");
      return {
        index,
        prompt,
        sampling,
        returnLogprob,
        startLength: returnLogprob && start >= 0 ? start : undefined,
        topCount: pick(body.top_logprobs_num, index) ?? 0,
        chosen: ownChosen === undefined || ownChosen === null ? undefined : checkIds(model, ownChosen),
        withText: body.return_text_in_logprobs,
      };
    });
    return { items, isBatch };
  }
}

function pick<T>(value: T | T[] | null | undefined, index: number): T | undefined {
  if (value === undefined || value === null) return undefined;
  return Array.isArray(value) ? value[index] : value;
}

async function lastOf<T>(stream: AsyncIterable<T>): Promise<T | undefined> {
  let last: T | undefined;
  for await (const value of stream) last = value;
  return last;
}

async function* streamed(
  streams: readonly AsyncIterable<() => object>[],
  isBatch: boolean,
): AsyncGenerator<StreamItem, void, undefined> {
  const indexed = streams.map(async function* (stream, index) {
    for await (const event of stream) yield isBatch ? { ...event(), index } : event();
  });
  for await (const value of interleave(indexed)) yield jsonItem(value);
  yield DONE;
}

/** Each event has everything so far: the text, the ids, the log-probabilities. It is made when it is sent. */
async function* generateOne(
  serving: Serving,
  item: Item,
  signal: AbortSignal,
): AsyncGenerator<() => object, void, undefined> {
  const { model } = serving;
  const { tokenizer } = model;
  const { sampling, prompt } = item;
  const startMs = performance.now();
  const maxTokens = Math.min(sampling.max_new_tokens ?? 128, model.contextSize - prompt.length);
  const run = await serving.run(
    prompt,
    {
      sampling: {
        temperature: sampling.temperature ?? MODEL_DEFAULTS.temperature,
        topP: sampling.top_p ?? MODEL_DEFAULTS.topP,
        topK: Math.max(0, sampling.top_k ?? MODEL_DEFAULTS.topK),
        minP: sampling.min_p ?? MODEL_DEFAULTS.minP,
        bias: new Map(Object.entries(sampling.logit_bias ?? {}).map(([id, nats]) => [Number(id), nats])),
        seed: sampling.sampling_seed ?? undefined,
      },
      maxTokens,
      stopIds: new Set(sampling.stop_token_ids ?? []),
      ignoreEnd: sampling.ignore_eos,
      ...(item.startLength === undefined
        ? {}
        : { knownAtMost: item.startLength, promptLogits: prompt.length - item.startLength }),
    },
    signal,
  );
  const output = new OutputText(tokenizer, {
    stop: stopsOf(sampling.stop),
    special: !sampling.skip_special_tokens,
    hold: "none",
    includeStop: sampling.no_stop_trim,
  });
  const nameOf = (id: TokenId): string | null => (item.withText ? tokenizer.decode([id]) : null);
  const triple = (logprobs: Float64Array, id: TokenId): Triple => [
    Math.max(logprobs[id] ?? -Infinity, -1e30),
    id,
    nameOf(id),
  ];
  const input = inputLogprobs(item, run.promptLogits, triple, nameOf);
  const outputLists = {
    own: [] as Triple[],
    top: [] as (Triple[] | null)[],
    chosen: [] as (Triple[] | null)[],
  };
  const outputIds: TokenId[] = [];
  const id = requestId("");
  const event = (finish: object | null) => (): object => ({
    text: output.text,
    output_ids: [...outputIds],
    meta_info: {
      id,
      finish_reason: finish,
      prompt_tokens: prompt.length,
      completion_tokens: outputIds.length,
      cached_tokens: run.account.cached,
      weight_version: "default",
      ...(finish === null ? {} : { e2e_latency: (performance.now() - startMs) / 1000 }),
      ...(item.returnLogprob
        ? {
            ...input,
            output_token_logprobs: [...outputLists.own],
            ...(item.topCount > 0 ? { output_top_logprobs: [...outputLists.top] } : {}),
            ...(item.chosen === undefined ? {} : { output_token_ids_logprobs: [...outputLists.chosen] }),
          }
        : {}),
    },
  });
  for await (const token of run.tokens) {
    outputIds.push(token.id);
    if (item.returnLogprob) {
      const logprobs = logprobsOf(token.logits);
      outputLists.own.push(triple(logprobs, token.id));
      outputLists.top.push(likeliest(logprobs, item.topCount).map((one) => triple(logprobs, one.id)));
      outputLists.chosen.push(item.chosen?.map((one) => triple(logprobs, one)) ?? null);
    }
    const isStop = token.end?.type === "stop-token" || token.end?.type === "end-of-turn";
    const stopText = isStop && !sampling.no_stop_trim ? undefined : output.push(token.id);
    const finish = finishOf(token, stopText, sampling.max_new_tokens ?? 128);
    yield event(finish);
    if (finish !== null) return;
  }
  // Nothing was to be decoded: a prefill.
  yield event({ type: "length", length: 0 });
}

function finishOf({ end }: RunToken, stopText: string | undefined, length: number): object | null {
  if (stopText !== undefined) return { type: "stop", matched: stopText };
  if (end === undefined) return null;
  return "id" in end ? { type: "stop", matched: end.id } : { type: "length", length };
}

/** Log-probabilities of the prompt from `startLength` on. The first token has null: nothing before it was read. */
function inputLogprobs(
  item: Item,
  rows: readonly Float64Array[],
  triple: (logprobs: Float64Array, id: TokenId) => Triple,
  nameOf: (id: TokenId) => string | null,
): object {
  if (item.startLength === undefined) return { input_token_logprobs: [] };
  const scored = item.prompt.slice(item.startLength);
  const before = rows.slice(0, -1).map(logprobsOf);
  const each = <T>(first: T, rest: (logprobs: Float64Array, id: TokenId) => T): T[] =>
    scored.map((id, index) => {
      const logprobs = before[index - 1];
      return logprobs === undefined ? first : rest(logprobs, id);
    });
  const [firstId] = scored;
  if (firstId === undefined) return { input_token_logprobs: [] };
  return {
    input_token_logprobs: each<Triple>([null, firstId, nameOf(firstId)], triple),
    ...(item.topCount > 0
      ? {
          input_top_logprobs: each<Triple[] | null>(null, (logprobs) =>
            likeliest(logprobs, item.topCount).map((one) => triple(logprobs, one.id)),
          ),
        }
      : {}),
    ...(item.chosen === undefined
      ? {}
      : {
          input_token_ids_logprobs: each<Triple[] | null>(
            null,
            (logprobs) => item.chosen?.map((one) => triple(logprobs, one)) ?? null,
          ),
        }),
  };
}
