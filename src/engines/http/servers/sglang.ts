/**
 * SGLang by its own `/generate`, with ids in both directions. It reports log-probabilities of chosen tokens at every position of the
 * prompt, so the controlling prefill is one request. All sampling is set, since the defaults come from the model's generation_config.
 */
import {
  boundedBias,
  type Dialect,
  type GenerationRequest,
  type PositionScore,
  type ProbeAnswer,
  type ProbeRequest,
  type Scoring,
  type ScoringRequest,
  type StreamEnd,
  type StreamReader,
} from "./dialect.ts";
import type { Arrival, Prompt } from "../tokens/http-tokenizer.ts";
import { tokenizeRequest } from "./completions.ts";
import { completionsProtocol } from "./openai.ts";
import { ownedBy, type ServerKind } from "./server-kind.ts";
import type { WireRequest } from "../transport/transport.ts";
import {
  isNumber,
  isObject,
  listAt,
  logprobOf,
  numberAt,
  objectAt,
  stringAt,
} from "../transport/json-fields.ts";

const NEUTRAL_SAMPLING = {
  top_k: -1,
  min_p: 0,
  repetition_penalty: 1,
  presence_penalty: 0,
  frequency_penalty: 0,
  ignore_eos: false,
  skip_special_tokens: false,
  spaces_between_special_tokens: false,
} as const;

class SglangDialect implements Dialect {
  readonly format = "server-sent-events";
  readonly logitBias = true;
  /** SGLang reports log-probabilities after bias and temperature. */
  readonly logprobs = false;
  readonly maxProbes = 64;
  readonly scoring: Scoring = { request: scoringRequest, read: readScores };

  generation(request: GenerationRequest): WireRequest {
    const ids = request.stops.flatMap(({ id }) => (id === undefined ? [] : [id]));
    return generate({
      ...inputOf([request.prompt]),
      stream: true,
      sampling_params: {
        ...NEUTRAL_SAMPLING,
        max_new_tokens: request.maxTokens,
        temperature: request.temperature,
        top_p: request.topP,
        sampling_seed: request.seed,
        ...(ids.length === 0 ? {} : { stop_token_ids: ids }),
        ...(request.bias.size === 0 ? {} : { logit_bias: boundedBias(request.bias) }),
      },
      ...(request.logprobs ? { return_logprob: true, logprob_start_len: -1 } : {}),
    });
  }

  /** Depending on how the server was started, a document covers all tokens so far or only the new ones. */
  reader({ prompt, temperature, bias }: GenerationRequest): StreamReader {
    const byId = prompt.kind === "ids";
    // Only then do they equal those at temperature 1 without bias.
    const plain = (temperature === 0 || temperature === 1) && bias.size === 0;
    let seen = 0;
    let text = "";
    return (document) => {
      const meta = objectAt(document, "meta_info");
      const all = listAt(document, "output_ids").filter(isNumber);
      const completed = numberAt(meta, "completion_tokens") ?? seen + all.length;
      const isWhole = all.length >= completed;
      const ids = isWhole ? all.slice(seen) : all;
      const logprobs = listAt(meta, "output_token_logprobs");
      const recent = logprobs.slice(-ids.length);
      seen = Math.max(completed, seen + ids.length);
      const said = stringAt(document, "text") ?? "";
      const added = said.startsWith(text) ? said.slice(text.length) : said;
      text = said.startsWith(text) ? said : text + said;
      const arrivals: Arrival[] = byId
        ? ids.map((id, index) => {
            const logprob = plain ? firstOfTuple(recent[index]) : undefined;
            return { id, text: "", ...(logprob === undefined ? {} : { logprob }) };
          })
        : added === ""
          ? []
          : [{ text: added }];
      const end = endOf(objectAt(meta, "finish_reason"));
      return end === undefined ? { arrivals } : { arrivals, end };
    };
  }

  warmUp(prompt: Prompt): WireRequest {
    return generate({
      ...inputOf([prompt]),
      sampling_params: { ...NEUTRAL_SAMPLING, max_new_tokens: 0, temperature: 0 },
    });
  }

  /** Asks for the next token after each prompt. For contexts in text, whose positions are not known. */
  probe({ prompts, watch }: ProbeRequest): WireRequest {
    return generate({
      ...inputOf(prompts),
      sampling_params: {
        ...NEUTRAL_SAMPLING,
        max_new_tokens: 1,
        temperature: 0,
      },
      return_logprob: true,
      logprob_start_len: -1,
      top_logprobs_num: 5,
      return_text_in_logprobs: true,
      ...(watch.id === undefined ? {} : { token_ids_logprob: [watch.id] }),
    });
  }

  readProbe(document: unknown, { watch }: ProbeRequest): readonly ProbeAnswer[] {
    const results = Array.isArray(document) ? document : [document];
    return results.map((result): ProbeAnswer => {
      const meta = objectAt(result, "meta_info");
      const tops = tuples(listAt(meta, "output_top_logprobs")[0]);
      const asked = tuples(listAt(meta, "output_token_ids_logprobs")[0]);
      const watched =
        asked.find(({ id }) => id === watch.id) ??
        tops.find(({ id, text }) => id === watch.id || text === watch.marker);
      const [top] = tops;
      return {
        likeliest: top === undefined ? undefined : { id: top.id, text: top.text ?? "" },
        watchLogprob: watched?.logprob ?? -Infinity,
      };
    });
  }
}

const generate = (body: Readonly<Record<string, unknown>>): WireRequest => ({
  at: "root",
  path: "/generate",
  body,
});

function inputOf(prompts: readonly Prompt[]): Readonly<Record<string, unknown>> {
  const inputs = prompts.map((prompt) => (prompt.kind === "ids" ? prompt.ids : prompt.text));
  const input = inputs.length === 1 ? inputs[0] : inputs;
  return prompts[0]?.kind === "ids" ? { input_ids: input } : { text: input };
}

function endOf(finish: unknown): StreamEnd | undefined {
  const type = stringAt(finish, "type");
  if (type === undefined) return undefined;
  if (type !== "stop") return { reason: "limit" };
  const matched = isObject(finish) ? finish["matched"] : undefined;
  // SGLang reports the end of a turn like a requested stop. The caller knows what it requested.
  if (typeof matched === "number") return { reason: "stop", id: matched };
  if (typeof matched === "string") return { reason: "stop", marker: matched };
  return { reason: "turn" };
}

interface Tuple {
  readonly logprob: number;
  readonly id: number;
  readonly text?: string;
}

/** Reads a list of `[logprob, id, text or null]`. */
function tuples(value: unknown): readonly Tuple[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((tuple): Tuple[] => {
    if (!Array.isArray(tuple)) return [];
    const [value0, id, text]: unknown[] = tuple;
    const logprob = logprobOf(value0);
    if (logprob === undefined || typeof id !== "number") return [];
    return [{ logprob, id, ...(typeof text === "string" ? { text } : {}) }];
  });
}

const firstOfTuple = (tuple: unknown): number | undefined =>
  Array.isArray(tuple) ? logprobOf(tuple[0]) : undefined;

/**
 * Asks for scores. The entry at a position is about the token there, given those before; the entry at the start position is null. So the
 * prediction after token i is the entry at i + 1, and after the last token it is that of the one token decoded.
 */
function scoringRequest({ ids, from, watch, tokenLogprobs }: ScoringRequest): WireRequest {
  return generate({
    input_ids: ids,
    sampling_params: { ...NEUTRAL_SAMPLING, max_new_tokens: 1, temperature: 0 },
    return_logprob: true,
    logprob_start_len: startOf(from, tokenLogprobs),
    top_logprobs_num: 1,
    ...(watch.length === 0 ? {} : { token_ids_logprob: watch }),
  });
}

const startOf = (from: number, tokenLogprobs: boolean): number =>
  tokenLogprobs ? Math.max(0, from - 1) : from;

function readScores(
  document: unknown,
  { ids, from, watch, tokenLogprobs }: ScoringRequest,
): readonly PositionScore[] {
  const meta = objectAt(document, "meta_info");
  const start = startOf(from, tokenLogprobs);
  const inputTops = listAt(meta, "input_top_logprobs");
  const inputWatched = listAt(meta, "input_token_ids_logprobs");
  const inputTokens = listAt(meta, "input_token_logprobs");
  const scores: PositionScore[] = [];
  for (let index = from; index < ids.length; index++) {
    const next = index + 1 - start;
    const isLast = index + 1 === ids.length;
    const [top] = tuples(isLast ? listAt(meta, "output_top_logprobs")[0] : inputTops[next]);
    const watched = tuples(isLast ? listAt(meta, "output_token_ids_logprobs")[0] : inputWatched[next]);
    const tokenLogprob = tokenLogprobs && index > 0 ? firstOfTuple(inputTokens[index - start]) : undefined;
    scores.push({
      likeliest: top?.id,
      watchLogprobs: watch.map((id) => watched.find((tuple) => tuple.id === id)?.logprob ?? -Infinity),
      ...(tokenLogprob === undefined ? {} : { tokenLogprob }),
    });
  }
  return scores;
}

export const sglang: ServerKind = {
  name: "sglang",
  title: "SGLang",
  recognises: ownedBy("sglang"),
  dialect: () => new SglangDialect(),
  tokenIds: "both",
  whenRecognised: completionsProtocol({
    fields: () => ({ top_k: -1, min_p: 0, repetition_penalty: 1, skip_special_tokens: false }),
  }),
  describe: async ({ ask }, listedContext) => ({
    contextSize: listedContext ?? numberAt(await ask("/get_server_info"), "context_length"),
  }),
  tokenize: tokenizeRequest,
  addsBegin: true,
};
