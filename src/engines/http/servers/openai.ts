/**
 * Any server with OpenAI's `/v1/completions`. Only fields that OpenAI documents are sent, unless a kind of server adds
 * those without which control tokens stay hidden or sampling is not neutral. Texts come back, no ids, and not which stop
 * text matched; so stops are looked for on this side and the connection is closed.
 */
import {
  boundedBias,
  type Dialect,
  FORCING_BIAS,
  type GenerationRequest,
  type ProbeAnswer,
  type ProbeRequest,
  type StreamReader,
  wirePrompt,
} from "./dialect.ts";
import type { Arrival, Prompt } from "../tokens/http-tokenizer.ts";
import type { WireRequest } from "../transport/transport.ts";
import { stringAt } from "../transport/json-fields.ts";
import { endOfChoice, firstChoice, probeAnswers, reportedTokens } from "./completions.ts";
import type { Routes, ServedModel, ServerKind } from "./server-kind.ts";

/** What a server takes on `/v1/completions` besides OpenAI's fields. */
export interface CompletionsExtensions {
  /** Fields that keep sampling neutral and show control tokens. Default: none. */
  readonly fields?: (shown: readonly string[]) => Readonly<Record<string, unknown>>;
  /** Fewest tokens that a request may decode. Default 1. */
  readonly warmUpTokens?: 0 | 1;
}

/** The routes of a server that is spoken to like OpenAI's. */
export const completionsRoutes = (extensions: CompletionsExtensions = {}): Routes => ({
  dialect: (model) => new OpenAiDialect(model, extensions),
  tokenIds: "maybe-in",
});

/** OpenAI's own bound on alternatives. */
const MOST_TOP = 5;

class OpenAiDialect implements Dialect {
  readonly format = "server-sent-events";
  readonly logitBias: boolean;
  readonly logprobs = true;
  readonly mostProbes = 20;
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

  /** Forced where the id is known, as with vLLM; otherwise looked for among the likeliest. */
  probe({ prompts, watch }: ProbeRequest): WireRequest {
    const forced = watch.id !== undefined && this.logitBias;
    return this.#completion({
      prompt:
        prompts.length === 1 && prompts[0] !== undefined ? wirePrompt(prompts[0]) : prompts.map(wirePrompt),
      max_tokens: 1,
      stream: false,
      temperature: 0,
      top_p: 1,
      logprobs: MOST_TOP,
      ...(forced ? { logit_bias: { [String(watch.id)]: FORCING_BIAS } } : {}),
    });
  }

  readProbe(document: unknown, request: ProbeRequest): readonly ProbeAnswer[] {
    return probeAnswers(document, request);
  }

  #completion(body: Readonly<Record<string, unknown>>): WireRequest {
    return {
      at: "api",
      path: "/completions",
      body: {
        model: this.#model,
        n: 1,
        frequency_penalty: 0,
        presence_penalty: 0,
        ...this.#fields,
        ...body,
      },
    };
  }
}

export const openai: ServerKind = {
  name: "openai",
  title: "any other server with /v1/completions",
  recognises: () => true,
  ...completionsRoutes(),
  addsBegin: true,
};
