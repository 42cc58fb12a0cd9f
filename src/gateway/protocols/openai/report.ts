/** Answers without streaming, and the report in all answers: OpenAI's `usage`, and our own `splitreason`. */
import type { FinishReason, WrittenSegment } from "../../../decode/index.ts";
import type { ChoiceResult } from "../../generation/choice.ts";
import type { AnswerHead, AnswerUsage, WrittenChoice } from "../../generation/response-format.ts";

export interface WireUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly completion_tokens_details: {
    /** Present only where reasoning and answer are separate. */
    readonly reasoning_tokens?: number;
    readonly small_tokens: number;
    readonly big_tokens: number;
    readonly discarded_tokens: number;
    readonly switches: number;
  };
}

export interface WireReport {
  readonly policy: string;
  readonly seed: number;
  /** More exact than `finish_reason`. */
  readonly finish: FinishReason;
  readonly offload_share: number;
  readonly switches: number;
  readonly handoff_ms: { readonly mean: number; readonly max: number } | null;
  readonly first_token_ms: number | null;
  readonly total_ms: number;
  readonly degraded: string | null;
  readonly segments?: readonly Pick<WrittenSegment, "author" | "text" | "tokens" | "reason">[];
}

export function wireUsage(usage: AnswerUsage): WireUsage {
  const { promptTokens, smallTokens, bigTokens, reasoningTokens } = usage;
  return {
    prompt_tokens: promptTokens,
    completion_tokens: smallTokens + bigTokens,
    total_tokens: promptTokens + smallTokens + bigTokens,
    completion_tokens_details: {
      ...(reasoningTokens === undefined ? {} : { reasoning_tokens: reasoningTokens }),
      small_tokens: smallTokens,
      big_tokens: bigTokens,
      discarded_tokens: usage.discardedTokens,
      switches: usage.switches,
    },
  };
}

export function wireReport(result: ChoiceResult, withSegments: boolean): WireReport {
  const { policy, seed, degraded, segments } = result;
  const { reason, usage, timing } = result.finish;
  const { handoffsMs, firstTokenMs } = timing;
  return {
    policy,
    seed,
    finish: reason,
    offload_share: usage.offloadShare,
    switches: usage.switches,
    handoff_ms:
      handoffsMs.length === 0
        ? null
        : {
            mean: rounded(handoffsMs.reduce((sum, ms) => sum + ms, 0) / handoffsMs.length),
            max: rounded(Math.max(...handoffsMs)),
          },
    first_token_ms: firstTokenMs === undefined ? null : rounded(firstTokenMs),
    total_ms: rounded(timing.totalMs),
    degraded: degraded ?? null,
    ...(withSegments
      ? {
          segments: segments.map(({ author, text, tokens, reason: why }) => ({
            author,
            text,
            tokens,
            reason: why,
          })),
        }
      : {}),
  };
}

/** OpenAI has two reasons for the end of a text that did not fail. */
export function finishReason(finish: FinishReason): "stop" | "length" {
  switch (finish) {
    case "end-of-turn":
    case "stop":
      return "stop";
    case "length":
    case "context-full":
      return "length";
    case "aborted":
    case "error":
      throw new TypeError(`a generation that ended with ${finish} has no finish_reason`);
    default:
      return finish satisfies never;
  }
}

const rounded = (ms: number): number => Math.round(ms * 1000) / 1000;

/** An answer without streaming. `fieldsOf` gives the fields in which kinds of completion differ. */
export function wholeAnswer(
  { id, created, model, authors }: AnswerHead,
  object: string,
  choices: readonly WrittenChoice[],
  usage: AnswerUsage,
  fieldsOf: (choice: WrittenChoice) => object,
): object {
  const [first] = choices;
  return {
    id,
    object,
    created,
    model,
    choices: choices.map((choice) => ({
      index: choice.result.index,
      ...fieldsOf(choice),
      logprobs: null,
      finish_reason: finishReason(choice.result.finish.reason),
      ...(choices.length > 1 ? { splitreason: wireReport(choice.result, authors) } : {}),
    })),
    usage: wireUsage(usage),
    ...(first === undefined ? {} : { splitreason: wireReport(first.result, authors) }),
  };
}
