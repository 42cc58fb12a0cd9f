/**
 * vLLM by `/v1/completions` with its extensions. With a tokenizer, ids go in and come out (`return_token_ids`). Texts show control tokens
 * (`skip_special_tokens: false`). `stop_reason` names the token that stopped a stream.
 */
import {
  boundedBias,
  type Dialect,
  FORCING_BIAS,
  type GenerationRequest,
  type ProbeRequest,
  type StreamReader,
  wirePrompt,
} from "./dialect.ts";
import type { Arrival, Prompt } from "../tokens/http-tokenizer.ts";
import { completionsProtocol } from "./openai.ts";
import { ownedBy, type ServerKind } from "./server-kind.ts";
import type { WireRequest } from "../transport/transport.ts";
import { stringAt } from "../transport/json-fields.ts";
import {
  withLogprob,
  completionRequest,
  tokenizeRequest,
  endOfChoice,
  firstChoice,
  probeAnswers,
  reportedTokens,
  tokenIdsOf,
} from "./completions.ts";

/** Settings that are off by default, but that a model's generation_config may set. */
const NEUTRAL_FIELDS = {
  top_k: 0,
  min_p: 0,
  repetition_penalty: 1,
  presence_penalty: 0,
  frequency_penalty: 0,
  skip_special_tokens: false,
  spaces_between_special_tokens: false,
  include_stop_str_in_output: false,
  add_special_tokens: false,
} as const;

class VllmDialect implements Dialect {
  readonly format = "server-sent-events";
  readonly logitBias = true;
  readonly logprobs = true;
  readonly maxProbes = 64;
  readonly #model: string;

  constructor(model: string) {
    this.#model = model;
  }

  generation(request: GenerationRequest): WireRequest {
    const ids = request.stops.flatMap(({ id }) => (id === undefined ? [] : [id]));
    return this.#completion({
      prompt: wirePrompt(request.prompt),
      max_tokens: request.maxTokens,
      stream: true,
      temperature: request.temperature,
      top_p: request.topP,
      seed: request.seed,
      ...(request.bias.size === 0 ? {} : { logit_bias: boundedBias(request.bias) }),
      ...(ids.length === 0 ? {} : { stop_token_ids: ids }),
      ...(request.logprobs ? { logprobs: 0 } : {}),
    });
  }

  reader({ prompt }: GenerationRequest): StreamReader {
    const byId = prompt.kind === "ids";
    return (document) => {
      const choice = firstChoice(document);
      const text = stringAt(choice, "text") ?? "";
      const reported = reportedTokens(choice);
      const ids = byId ? tokenIdsOf(choice) : [];
      const arrivals: Arrival[] = byId
        ? ids.map((id, index) =>
            withLogprob({ id, text: ids.length === 1 ? text : "" }, reported[index]?.logprob),
          )
        : text === ""
          ? []
          : [withLogprob({ text }, reported.length === 1 ? reported[0]?.logprob : undefined)];
      const end = endOfChoice(choice);
      if (end === undefined) return { arrivals };
      // The token that ended the stream is reported without text.
      const last = reported.at(-1)?.logprob;
      const isSilent = !byId && text === "" && (end.reason === "turn" || end.reason === "stop");
      return { arrivals, end: isSilent && last !== undefined ? { ...end, logprob: last } : end };
    };
  }

  /** vLLM has to decode at least one token. */
  warmUp(prompt: Prompt): WireRequest {
    return this.#completion({ prompt: wirePrompt(prompt), max_tokens: 1, stream: false, temperature: 0 });
  }

  /** Forces the watched token, which then reports its log-probability before the bias. The likeliest token is listed beside it. */
  probe({ prompts, watch }: ProbeRequest): WireRequest {
    return this.#completion({
      prompt: prompts.map(wirePrompt),
      max_tokens: 1,
      stream: false,
      temperature: 0,
      logprobs: watch.id === undefined ? UNFORCED_TOP : 1,
      ...(watch.id === undefined ? {} : { logit_bias: { [String(watch.id)]: FORCING_BIAS } }),
    });
  }

  readonly readProbe = probeAnswers;

  #completion(body: Readonly<Record<string, unknown>>): WireRequest {
    const byId = Array.isArray(body["prompt"]);
    const fields = { ...NEUTRAL_FIELDS, return_token_ids: true, return_tokens_as_token_ids: byId };
    return completionRequest(this.#model, fields, body);
  }
}

/** Alternatives to list if the id of the watched token is not known. */
const UNFORCED_TOP = 5;

export const vllm: ServerKind = {
  name: "vllm",
  title: "vLLM",
  recognises: ownedBy("vllm"),
  dialect: ({ model }) => new VllmDialect(model),
  tokenIds: "both",
  whenRecognised: completionsProtocol({ fields: () => NEUTRAL_FIELDS }),
  tokenize: tokenizeRequest,
  // Every request tells it not to.
  addsBegin: false,
};
