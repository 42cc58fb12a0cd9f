/** Reads answers of OpenAI's `/v1/completions`, in the variants of vLLM, llama.cpp and others. The kinds openai and vllm share it. */
import type { ProbeAnswer, ProbeRequest, StreamEnd } from "./dialect.ts";
import type { Arrival } from "../tokens/http-tokenizer.ts";
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

/** A request for one completion. Fields of `body` win over `fields`, which keep a server from adding settings of its own. */
export const completionRequest = (
  model: string,
  fields: Readonly<Record<string, unknown>>,
  body: Readonly<Record<string, unknown>>,
): WireRequest => ({ at: "api", path: "/completions", body: { model, n: 1, ...fields, ...body } });

/** The first choice of a chunk, or undefined in a chunk of usage only. */
export const firstChoice = (document: unknown): unknown => listAt(document, "choices")[0];

/** Log-probabilities of the tokens of one choice, in OpenAI's legacy shape or in llama.cpp's. */
export interface ReportedToken {
  readonly id?: number;
  readonly text: string;
  readonly logprob: number | undefined;
  readonly top: readonly Arrival[];
}

export function reportedTokens(choice: unknown): readonly ReportedToken[] {
  const logprobs = objectAt(choice, "logprobs");
  if (logprobs === undefined) return [];
  const content = listAt(logprobs, "content");
  if (content.length > 0) return content.map(tokenOfContent);
  const values = listAt(logprobs, "token_logprobs");
  const tops = listAt(logprobs, "top_logprobs");
  return listAt(logprobs, "tokens").map((token, index) => {
    const top = tops[index];
    return {
      ...named(typeof token === "string" ? token : ""),
      logprob: logprobOf(values[index]),
      top: isObject(top)
        ? Object.entries(top).map(([text, logprob]) => withLogprob(named(text), logprobOf(logprob)))
        : [],
    };
  });
}

function tokenOfContent(entry: unknown): ReportedToken {
  const id = numberAt(entry, "id");
  return {
    ...(id === undefined ? {} : { id }),
    text: stringAt(entry, "token") ?? "",
    logprob: logprobOf(numberAt(entry, "logprob")),
    top: listAt(entry, "top_logprobs").map((top) => {
      const topId = numberAt(top, "id");
      const text = stringAt(top, "token") ?? "";
      return withLogprob(
        topId === undefined ? { text } : { id: topId, text },
        logprobOf(numberAt(top, "logprob")),
      );
    }),
  };
}

const BY_ID = /^token_id:([0-9]+)$/u;

/** A token from its text. vLLM can be told to write `token_id:N` instead, which names the id. */
function named(token: string): { readonly id?: number; readonly text: string } {
  const id = BY_ID.exec(token)?.[1];
  return id === undefined ? { text: token } : { id: Number(id), text: token };
}

export const withLogprob = (token: Arrival, logprob: number | undefined): Arrival =>
  logprob === undefined ? token : { ...token, logprob };

export function tokenIdsOf(choice: unknown): readonly number[] {
  return listAt(choice, "token_ids").filter(isNumber);
}

/** The end of a choice, if it ended. vLLM's `stop_reason` is the id or text that stopped it, null for the end of the turn. */
export function endOfChoice(choice: unknown): StreamEnd | undefined {
  const reason = stringAt(choice, "finish_reason");
  if (reason === undefined) return undefined;
  if (reason !== "stop") return { reason: "limit" };
  const stop = isObject(choice) ? choice["stop_reason"] : undefined;
  if (typeof stop === "number") return { reason: "stop", id: stop };
  if (typeof stop === "string") return { reason: "stop", marker: stop };
  return { reason: "turn" };
}

/** Reads one answer for each prompt, by the index of its choice. */
export function probeAnswers(document: unknown, { watch, prompts }: ProbeRequest): readonly ProbeAnswer[] {
  const answers: ProbeAnswer[] = prompts.map(() => ({ likeliest: undefined, watchLogprob: -Infinity }));
  for (const [order, choice] of listAt(document, "choices").entries()) {
    const index = numberAt(choice, "index") ?? order;
    if (index < 0 || index >= answers.length) continue;
    answers[index] = probeAnswer(choice, watch);
  }
  return answers;
}

function probeAnswer(choice: unknown, watch: ProbeRequest["watch"]): ProbeAnswer {
  const drawnId = tokenIdsOf(choice)[0];
  const reported = reportedTokens(choice)[0];
  const text = stringAt(choice, "text") ?? "";
  const drawn: Arrival = { ...(drawnId === undefined ? {} : { id: drawnId }), text };
  if (reported === undefined) {
    return { likeliest: drawn, watchLogprob: isWatched(drawn, watch) ? 0 : -Infinity };
  }
  const all = [
    withLogprob(
      reported.id === undefined ? { text: reported.text } : { id: reported.id, text: reported.text },
      reported.logprob,
    ),
    ...reported.top,
  ];
  let likeliest: Arrival | undefined;
  for (const candidate of all) {
    if ((candidate.logprob ?? -Infinity) > (likeliest?.logprob ?? -Infinity)) likeliest = candidate;
  }
  return {
    likeliest: likeliest ?? drawn,
    watchLogprob: all.find((candidate) => isWatched(candidate, watch))?.logprob ?? -Infinity,
  };
}

function isWatched(token: Arrival, watch: ProbeRequest["watch"]): boolean {
  if (token.id !== undefined && watch.id !== undefined) return token.id === watch.id;
  return token.text === watch.marker;
}

/** Asks vLLM or SGLang for the ids of a text. */
export const tokenizeRequest = (model: string, text: string): WireRequest => ({
  at: "root",
  path: "/tokenize",
  body: { model, prompt: text, add_special_tokens: false },
});
