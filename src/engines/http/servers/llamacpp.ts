/**
 * llama.cpp's server by its own route `/completion`, with ids in both directions. Every sampler is set, since the defaults are not
 * neutral. A control token is shown only if `preserved_tokens` names it.
 *
 * The server does not report tokens that end within a code point. The count in `tokens_predicted` shows that they are missing.
 */
import type {
  Dialect,
  GenerationRequest,
  ProbeAnswer,
  ProbeRequest,
  StreamEnd,
  StreamReader,
} from "./dialect.ts";
import type { Arrival, Prompt } from "../tokens/http-tokenizer.ts";
import { wirePrompt } from "./dialect.ts";
import { LlamaCppTokenizer } from "./llamacpp-tokenizer.ts";
import { completionsProtocol } from "./openai.ts";
import { ownedBy, type ServerKind } from "./server-kind.ts";
import type { WireRequest } from "../transport/transport.ts";
import {
  isNumber,
  isObject,
  type JsonObject,
  listAt,
  logprobOf,
  numberAt,
  objectAt,
  stringAt,
} from "../transport/json-fields.ts";

/** Only the two named samplers are active, in the server's own order; all others are off. */
const NEUTRAL_SAMPLING = {
  samplers: ["top_p", "temperature"],
  top_k: 0,
  min_p: 0,
  typical_p: 1,
  top_n_sigma: -1,
  xtc_probability: 0,
  dynatemp_range: 0,
  repeat_penalty: 1,
  repeat_last_n: 0,
  presence_penalty: 0,
  frequency_penalty: 0,
  dry_multiplier: 0,
  mirostat: 0,
  ignore_eos: false,
} as const;

/** Fields of the last document. Without this list it would repeat the whole prompt. */
const FINAL_FIELDS = [
  "stop",
  "stop_type",
  "stopping_word",
  "tokens_predicted",
  "truncated",
  "id_slot",
  "tokens",
  "completion_probabilities",
];
const PROBE_FIELDS = ["index", "completion_probabilities", "id_slot"];

class LlamaCppDialect implements Dialect {
  readonly format = "server-sent-events";
  readonly logitBias = true;
  readonly logprobs = true;
  readonly maxProbes = 64;

  generation(request: GenerationRequest): WireRequest {
    return this.#generation(request, true);
  }

  whole(request: GenerationRequest): WireRequest {
    return this.#generation(request, false);
  }

  readWhole(document: unknown): readonly Arrival[] {
    const probabilities = listAt(document, "completion_probabilities");
    return listAt(document, "tokens")
      .filter(isNumber)
      .map((id, index): Arrival => {
        const logprob = logprobOf(numberAt(probabilities[index], "logprob"));
        return { id, text: "", ...(logprob === undefined ? {} : { logprob }) };
      });
  }

  #generation(request: GenerationRequest, stream: boolean): WireRequest {
    const markers = request.stops.map(({ marker }) => marker);
    return completion({
      prompt: wirePrompt(request.prompt),
      n_predict: request.maxTokens,
      stream,
      temperature: request.temperature,
      top_p: request.topP,
      seed: request.seed,
      logit_bias: [...request.bias].map(([id, nats]) => [id, nats === -Infinity ? false : nats]),
      stop: markers,
      preserved_tokens: markers,
      return_tokens: true,
      n_probs: request.logprobs ? 1 : 0,
      response_fields: FINAL_FIELDS,
    });
  }

  reader(): StreamReader {
    let reported = 0;
    return (document) => {
      if (!isObject(document)) return { arrivals: [] };
      const ids = listAt(document, "tokens").filter(isNumber);
      const predicted = numberAt(document, "tokens_predicted");
      const arrivals = ids.map((id, index): Arrival => {
        // The count includes all tokens up to this one.
        const count = index === 0 && predicted !== undefined ? predicted - reported - ids.length : 0;
        const logprob = logprobOf(numberAt(listAt(document, "completion_probabilities")[index], "logprob"));
        return {
          id,
          text: index === 0 ? (stringAt(document, "content") ?? "") : "",
          ...(count > 0 && predicted !== undefined ? { missing: { count, of: predicted } } : {}),
          ...(logprob === undefined ? {} : { logprob }),
        };
      });
      if (ids.length > 0) reported = Math.max(predicted ?? 0, reported + ids.length);
      if (document["stop"] !== true) return { arrivals };
      return { arrivals, end: endOf(document) };
    };
  }

  warmUp(prompt: Prompt): WireRequest {
    return completion({
      prompt: wirePrompt(prompt),
      n_predict: 0,
      stream: false,
      temperature: 0,
      response_fields: ["id_slot"],
    });
  }

  /** Forces the watched token, which then reports its log-probability before the bias. The likeliest token is listed beside it. */
  probe({ prompts, watch, slot }: ProbeRequest): WireRequest {
    return completion({
      prompt: prompts.map(wirePrompt),
      n_predict: 1,
      stream: false,
      temperature: 0,
      top_p: 1,
      seed: 0,
      logit_bias: watch.id === undefined ? [] : [[watch.id, FORCED]],
      n_probs: 1,
      response_fields: PROBE_FIELDS,
      // All in the slot that has the context cached. In another slot each would read it from the start.
      ...(slot === undefined ? {} : { id_slot: slot }),
    });
  }

  readProbe(document: unknown, { watch }: ProbeRequest): readonly ProbeAnswer[] {
    const results = Array.isArray(document) ? document : [document];
    const answers: ProbeAnswer[] = [];
    for (const [order, result] of results.entries()) {
      const drawn = listAt(result, "completion_probabilities")[0];
      const top = listAt(drawn, "top_logprobs")[0];
      const id = numberAt(top, "id");
      answers[numberAt(result, "index") ?? order] = {
        likeliest: id === undefined ? undefined : { id, text: stringAt(top, "token") ?? "" },
        watchLogprob:
          numberAt(drawn, "id") === watch.id
            ? (logprobOf(numberAt(drawn, "logprob")) ?? -Infinity)
            : -Infinity,
      };
    }
    return answers;
  }

  slotIn(document: unknown): number | undefined {
    const slot = numberAt(document, "id_slot");
    return slot !== undefined && slot >= 0 ? slot : undefined;
  }
}

/** A bias far beyond any difference of logits. */
const FORCED = 1e6;

const completion = (body: Readonly<Record<string, unknown>>): WireRequest => ({
  at: "root",
  path: "/completion",
  body: { ...NEUTRAL_SAMPLING, cache_prompt: true, ...body },
});

function endOf(document: JsonObject): StreamEnd {
  const type = document["stop_type"];
  if (type === "eos") return { reason: "turn" };
  if (type === "word") {
    const marker = stringAt(document, "stopping_word");
    return { reason: "stop", ...(marker === undefined ? {} : { marker }) };
  }
  return { reason: document["truncated"] === true ? "context-full" : "limit" };
}

export const llamacpp: ServerKind = {
  name: "llamacpp",
  title: "llama.cpp's server",
  recognises: ownedBy("llamacpp"),
  dialect: () => new LlamaCppDialect(),
  tokenIds: "both",
  openTokenizer: (name, post, options, signal) => LlamaCppTokenizer.open(name, post, options, signal),
  whenRecognised: completionsProtocol({
    fields: (shown) => ({
      samplers: ["top_p", "temperature"],
      top_k: 0,
      min_p: 0,
      typical_p: 1,
      repeat_penalty: 1,
      cache_prompt: true,
      preserved_tokens: shown,
    }),
    warmUpTokens: 0,
  }),
  describe: async ({ ask }) => {
    const props = await ask("/props");
    return {
      contextSize: numberAt(objectAt(props, "default_generation_settings"), "n_ctx"),
      chatTemplate: stringAt(props, "chat_template"),
      endOfTurn: stringAt(props, "eos_token"),
    };
  },
  anyModelName: true,
  tokenize: (_model, text) => ({
    at: "root",
    path: "/tokenize",
    body: { content: text, add_special: false, parse_special: true },
  }),
  addsBegin: true,
};
