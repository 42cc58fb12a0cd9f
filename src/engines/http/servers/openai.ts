/**
 * Any server with OpenAI's `/v1/completions`. Only fields that OpenAI documents are sent. Other kinds add the fields that show control
 * tokens and keep sampling neutral. The server returns texts without ids and does not say which stop text matched. So this side looks
 * for stops and closes the connection.
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
import type { WireRequest } from "../transport/transport.ts";
import { stringAt } from "../transport/json-fields.ts";
import { completionRequest, endOfChoice, firstChoice, probeAnswers, reportedTokens } from "./completions.ts";
import type { ServerProtocol, ServedModel, ServerKind } from "./server-kind.ts";

/** Additions of a kind of server to `/v1/completions`. */
export interface CompletionsExtensions {
  /** Fields that keep sampling neutral and show control tokens. Default: none. */
  readonly fields?: (shown: readonly string[]) => Readonly<Record<string, unknown>>;
  /** Tokens that a warm-up decodes: the fewest that the server allows. Default 1. */
  readonly warmUpTokens?: 0 | 1;
}

/** The protocol of `/v1/completions`. */
export const completionsProtocol = (extensions: CompletionsExtensions = {}): ServerProtocol => ({
  dialect: (model) => new OpenAiDialect(model, extensions),
  tokenIds: "maybe-in",
});

/** Most alternatives that OpenAI lists. */
const MAX_TOP = 5;

class OpenAiDialect implements Dialect {
  readonly format = "server-sent-events";
  readonly logitBias: boolean;
  readonly logprobs = true;
  readonly maxProbes = 20;
  readonly #model: string;
  readonly #warmUpTokens: number;
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor({ model, shown, knowsIds }: ServedModel, { fields, warmUpTokens = 1 }: CompletionsExtensions) {
    this.#model = model;
    this.#warmUpTokens = warmUpTokens;
    this.#fields = fields?.(shown) ?? {};
    this.logitBias = knowsIds;
  }

  generation(request: GenerationRequest): WireRequest {
    return this.#completion({
      prompt: wirePrompt(request.prompt),
      max_tokens: request.maxTokens,
      stream: true,
      temperature: request.temperature,
      top_p: request.topP,
      seed: request.seed,
      ...(request.bias.size === 0 ? {} : { logit_bias: boundedBias(request.bias) }),
      ...(request.logprobs ? { logprobs: 1 } : {}),
    });
  }

  reader(): StreamReader {
    return (document) => {
      const choice = firstChoice(document);
      const text = stringAt(choice, "text") ?? "";
      const end = endOfChoice(choice);
      const reported = reportedTokens(choice);
      const logprob = reported.length === 1 ? reported[0]?.logprob : undefined;
      const arrivals: Arrival[] =
        text === "" ? [] : [{ text, ...(logprob === undefined ? {} : { logprob }) }];
      return end === undefined ? { arrivals } : { arrivals, end };
    };
  }

  warmUp(prompt: Prompt): WireRequest {
    return this.#completion({
      prompt: wirePrompt(prompt),
      max_tokens: this.#warmUpTokens,
      stream: false,
      temperature: 0,
      top_p: 1,
    });
  }

  /** Forces the watched token if its id is known, as with vLLM. Otherwise it is looked for among the likeliest tokens. */
  probe({ prompts, watch }: ProbeRequest): WireRequest {
    const forced = watch.id !== undefined && this.logitBias;
    return this.#completion({
      prompt:
        prompts.length === 1 && prompts[0] !== undefined ? wirePrompt(prompts[0]) : prompts.map(wirePrompt),
      max_tokens: 1,
      stream: false,
      temperature: 0,
      top_p: 1,
      logprobs: MAX_TOP,
      ...(forced ? { logit_bias: { [String(watch.id)]: FORCING_BIAS } } : {}),
    });
  }

  readonly readProbe = probeAnswers;

  #completion(body: Readonly<Record<string, unknown>>): WireRequest {
    const neutral = { frequency_penalty: 0, presence_penalty: 0, ...this.#fields };
    return completionRequest(this.#model, neutral, body);
  }
}

export const openai: ServerKind = {
  name: "openai",
  title: "any other server with /v1/completions",
  recognises: () => true,
  ...completionsProtocol(),
  addsBegin: true,
};
