/**
 * Ollama by its own `/api/generate` in raw mode. Its `/v1/completions` would put the prompt into the model's chat template. Text goes in
 * and comes out, one document a line. There are no ids and no logit bias.
 */
import type { Dialect, GenerationRequest, ProbeAnswer, ProbeRequest, StreamReader } from "./dialect.ts";
import type { Arrival, Prompt } from "../tokens/http-tokenizer.ts";
import { ownedBy, type ServerKind } from "./server-kind.ts";
import type { WireRequest } from "../transport/transport.ts";
import { isObject, listAt, logprobOf, numberAt, stringAt } from "../transport/json-fields.ts";

const NEUTRAL_OPTIONS = {
  top_k: 0,
  min_p: 0,
  typical_p: 1,
  repeat_penalty: 1,
  repeat_last_n: 0,
  presence_penalty: 0,
  frequency_penalty: 0,
  mirostat: 0,
} as const;

const MAX_TOP = 20;

class OllamaDialect implements Dialect {
  readonly format = "json-lines";
  readonly logitBias = false;
  readonly logprobs = true;
  readonly maxProbes = 1;
  readonly #model: string;
  readonly #contextSize: number;

  constructor(model: string, contextSize: number) {
    this.#model = model;
    this.#contextSize = contextSize;
  }

  generation(request: GenerationRequest): WireRequest {
    return this.#generate(
      request.prompt,
      {
        num_predict: request.maxTokens,
        temperature: request.temperature,
        top_p: request.topP,
        seed: request.seed,
      },
      { stream: true, ...(request.logprobs ? { logprobs: true } : {}) },
    );
  }

  reader(): StreamReader {
    return (document) => {
      const text = stringAt(document, "response") ?? "";
      const logprobs = listAt(document, "logprobs");
      const logprob = logprobs.length === 1 ? logprobOf(numberAt(logprobs[0], "logprob")) : undefined;
      const arrivals: Arrival[] =
        text === "" ? [] : [{ text, ...(logprob === undefined ? {} : { logprob }) }];
      if (!isObject(document) || document["done"] !== true) return { arrivals };
      return { arrivals, end: { reason: stringAt(document, "done_reason") === "length" ? "limit" : "turn" } };
    };
  }

  warmUp(prompt: Prompt): WireRequest {
    return this.#generate(prompt, { num_predict: 1, temperature: 0 }, { stream: false });
  }

  probe({ prompts: [prompt] }: ProbeRequest): WireRequest {
    return this.#generate(
      prompt ?? { kind: "text", text: "" },
      { num_predict: 1, temperature: 0 },
      { stream: false, logprobs: true, top_logprobs: MAX_TOP },
    );
  }

  readProbe(document: unknown, { watch }: ProbeRequest): readonly ProbeAnswer[] {
    const [drawn] = listAt(document, "logprobs");
    const top = listAt(drawn, "top_logprobs").find((entry) => stringAt(entry, "token") === watch.marker);
    const text = stringAt(document, "response") ?? "";
    const known =
      drawn === undefined ? (text === watch.marker ? 0 : undefined) : logprobOf(numberAt(top, "logprob"));
    return [{ likeliest: { text }, watchLogprob: known ?? -Infinity }];
  }

  #generate(
    prompt: Prompt,
    options: Readonly<Record<string, number>>,
    more: Readonly<Record<string, unknown>>,
  ): WireRequest {
    if (prompt.kind !== "text") throw new TypeError("Ollama takes texts, not ids");
    return {
      at: "root",
      path: "/api/generate",
      body: {
        model: this.#model,
        prompt: prompt.text,
        raw: true,
        // A context that does not fit is refused, not cut silently.
        truncate: false,
        shift: false,
        options: { ...NEUTRAL_OPTIONS, num_ctx: this.#contextSize, ...options },
        ...more,
      },
    };
  }
}

export const ollama: ServerKind = {
  name: "ollama",
  title: "Ollama",
  recognises: ownedBy("library"),
  dialect: ({ model, contextSize }) => new OllamaDialect(model, contextSize),
  tokenIds: "none",
  // Ollama's own default. A longer context costs memory, so the user has to ask for it.
  contextLimit: 4096,
  addsBegin: true,
};
