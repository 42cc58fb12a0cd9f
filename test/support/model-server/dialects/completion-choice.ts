/** One prompt's part of a completions request: what is decoded for it, and how a chunk and the whole of it are written. */
import type { TokenId } from "../../../../src/core/ids.ts";
import { OutputText } from "../output-text.ts";
import { likeliest, logprobsOf, type ServerSampling } from "../sampler.ts";
import type { RunToken, Serving } from "../serving.ts";
import type { CompletionBody } from "./completions.ts";
import { clampedBias, MODEL_DEFAULTS, stopsOf } from "./shared.ts";

export type ChoiceBody = CompletionBody & { readonly maxTokens: number; readonly plain: boolean };

interface LogprobLists {
  readonly text_offset: number[];
  readonly token_logprobs: number[];
  readonly tokens: string[];
  readonly top_logprobs: Record<string, number>[];
}

const noLogprobs = (): LogprobLists => ({
  text_offset: [],
  token_logprobs: [],
  tokens: [],
  top_logprobs: [],
});

/** A chunk's `choices` entry, or the whole answer's. */
export interface ChoiceEntry {
  readonly index: number;
  readonly text: string;
  readonly logprobs: LogprobLists | null;
  readonly finish_reason: "stop" | "length" | null;
  readonly stop_reason?: string | number | null;
  readonly token_ids?: readonly TokenId[];
  readonly prompt_token_ids?: readonly TokenId[];
}

export class CompletionChoice {
  completionTokens = 0;
  readonly promptTokens: number;
  readonly #serving: Serving;
  readonly #body: ChoiceBody;
  readonly #prompt: readonly TokenId[];
  readonly #index: number;
  readonly #output: OutputText;
  #text = "";
  #last: ChoiceEntry | undefined;
  readonly #ids: TokenId[] = [];
  readonly #logprobs = noLogprobs();

  constructor(serving: Serving, prompt: readonly TokenId[], index: number, body: ChoiceBody) {
    this.#serving = serving;
    this.#body = body;
    this.#prompt = prompt;
    this.promptTokens = prompt.length;
    this.#index = index;
    this.#output = new OutputText(serving.model.tokenizer, {
      stop: stopsOf(body.stop),
      special: !body.skip_special_tokens,
      hold: body.plain ? "matches" : "buffer",
      includeStop: body.include_stop_str_in_output,
    });
  }

  /** Yields a chunk's entry for each token. */
  async *stream(signal: AbortSignal): AsyncGenerator<ChoiceEntry, void, undefined> {
    const body = this.#body;
    const run = await this.#serving.run(
      this.#prompt,
      {
        sampling: samplingOf(body),
        maxTokens: body.maxTokens,
        stopIds: new Set(body.stop_token_ids ?? []),
        ignoreEnd: body.ignore_eos,
      },
      signal,
    );
    for await (const token of run.tokens) {
      this.completionTokens++;
      const offset = this.#output.text.length;
      // A stop token is counted and listed, its text is not part of the output.
      const isStopToken = token.end?.type === "stop-token" || token.end?.type === "end-of-turn";
      const hidden = isStopToken && !body.include_stop_str_in_output;
      const stopText = hidden ? undefined : this.#output.push(token.id);
      const end = this.#endBy(token, stopText);
      const text = this.#output.take(end !== undefined);
      this.#text += text;
      this.#ids.push(token.id);
      const logprobs = this.#logprobsOf(token, offset);
      const idFields =
        body.return_token_ids === true
          ? {
              token_ids: [token.id],
              ...(this.completionTokens === 1 ? { prompt_token_ids: this.#prompt } : {}),
            }
          : {};
      const open = { finish_reason: null, ...(body.plain ? {} : { stop_reason: null }) };
      this.#last = { index: this.#index, text, logprobs, ...(end ?? open), ...idFields };
      yield this.#last;
      if (end !== undefined) return;
    }
  }

  /** After the stream has ended. */
  whole(): ChoiceEntry {
    if (this.#last === undefined) throw new Error("nothing was decoded");
    return {
      ...this.#last,
      text: this.#text,
      logprobs: this.#last.logprobs === null ? null : this.#logprobs,
      ...(this.#body.return_token_ids === true
        ? { token_ids: this.#ids, prompt_token_ids: this.#prompt }
        : {}),
    };
  }

  #endBy(
    token: RunToken,
    stopText: string | undefined,
  ): Pick<ChoiceEntry, "finish_reason" | "stop_reason"> | undefined {
    // Only vLLM says what it stopped at.
    const because = (reason: string | number | null) => (this.#body.plain ? {} : { stop_reason: reason });
    if (stopText !== undefined) return { finish_reason: "stop", ...because(stopText) };
    if (token.end === undefined) return undefined;
    if (token.end.type === "stop-token") return { finish_reason: "stop", ...because(token.end.id) };
    if (token.end.type === "end-of-turn") return { finish_reason: "stop", ...because(null) };
    return { finish_reason: "length", ...because(null) };
  }

  #logprobsOf({ id, logits }: RunToken, offset: number): LogprobLists | null {
    const { logprobs: count, logprob_token_ids: chosen } = this.#body;
    if (typeof count !== "number" && (chosen === undefined || chosen === null)) return null;
    const all = logprobsOf(logits);
    const listed = chosen ?? likeliest(all, count ?? 0).map((ranked) => ranked.id);
    const top: Record<string, number> = {};
    for (const one of [id, ...listed]) top[this.#name(one as TokenId)] = all[one] ?? -Infinity;
    const entry: LogprobLists = {
      text_offset: [offset],
      token_logprobs: [finite(all[id] ?? -Infinity)],
      tokens: [this.#name(id)],
      top_logprobs: [Object.fromEntries(Object.entries(top).map(([name, value]) => [name, finite(value)]))],
    };
    for (const key of ["text_offset", "token_logprobs"] as const) this.#logprobs[key].push(...entry[key]);
    this.#logprobs.tokens.push(...entry.tokens);
    this.#logprobs.top_logprobs.push(...entry.top_logprobs);
    return entry;
  }

  #name(id: TokenId): string {
    if (this.#body.return_tokens_as_token_ids === true) return `token_id:${id}`;
    // Lists of log-probabilities show special tokens whatever the text does.
    return this.#serving.model.tokenizer.decode([id]);
  }
}

/** JSON knows no infinity: the servers write this. */
const finite = (logprob: number): number => Math.max(logprob, -9999);

function samplingOf(body: ChoiceBody): ServerSampling {
  // Plain servers have OpenAI's neutral defaults, vLLM takes those of the model's files.
  const defaults = body.plain ? { temperature: 1, topP: 1, topK: 0, minP: 0 } : MODEL_DEFAULTS;
  return {
    temperature: body.temperature ?? defaults.temperature,
    topP: body.top_p ?? defaults.topP,
    topK: Math.max(0, body.top_k ?? defaults.topK),
    minP: body.min_p ?? defaults.minP,
    bias: clampedBias(body.logit_bias),
    seed: body.seed ?? undefined,
  };
}
