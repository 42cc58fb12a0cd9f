/**
 * Any server with OpenAI's `/v1/completions`. Only fields that OpenAI documents are sent, unless the server says what it is: then
 * those are added without which control tokens stay hidden or sampling is not neutral. Texts come back, no ids, and not which stop
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
import { VLLM_NEUTRAL } from "./vllm.ts";

/** What the server said that it is (`owned_by` in its list of models). */
export type Flavour = "llamacpp" | "vllm" | "sglang" | "ollama" | "other";

export interface OpenAiOptions {
  readonly model: string;
  readonly flavour: Flavour;
  /** Control tokens that are to be shown in texts. */
  readonly shown: readonly string[];
  /** Whether ids of tokens are known, so that they can be biased. */
  readonly knowsIds: boolean;
}

const LLAMACPP_NEUTRAL = {
  samplers: ["top_p", "temperature"],
  top_k: 0,
  min_p: 0,
  typical_p: 1,
  repeat_penalty: 1,
  cache_prompt: true,
} as const;

/** OpenAI's own bound on alternatives. */
const MOST_TOP = 5;

export class OpenAiDialect implements Dialect {
  readonly name = "openai";
  readonly format = "server-sent-events";
  readonly logitBias: boolean;
  readonly logprobs = true;
  readonly mostProbes = 20;
  readonly #options: OpenAiOptions;

  constructor(options: OpenAiOptions) {
    this.#options = options;
    this.logitBias = options.knowsIds;
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
    const most = this.#options.flavour === "llamacpp" ? 0 : 1;
    return this.#completion({
      prompt: wirePrompt(prompt),
      max_tokens: most,
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
    const { model } = this.#options;
    return {
      at: "api",
      path: "/completions",
      body: { model, n: 1, frequency_penalty: 0, presence_penalty: 0, ...this.#extensions(), ...body },
    };
  }

  #extensions(): Readonly<Record<string, unknown>> {
    const { flavour, shown } = this.#options;
    switch (flavour) {
      case "llamacpp":
        return { ...LLAMACPP_NEUTRAL, preserved_tokens: shown };
      case "vllm":
        return VLLM_NEUTRAL;
      case "sglang":
        return { top_k: -1, min_p: 0, repetition_penalty: 1, skip_special_tokens: false };
      case "ollama":
      case "other":
        return {};
      default:
        return flavour satisfies never;
    }
  }
}
