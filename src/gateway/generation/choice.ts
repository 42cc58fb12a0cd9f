/** Runs one choice of a request: collects what the answer reports, and passes its text on as it comes. */
import { type ErrorCode, redactCredentials, SplitReasonError } from "../../core/errors.ts";
import type { Piece } from "../../core/piece.ts";
import {
  type FinishEvent,
  type SplitEvent,
  type WrittenSegment,
  WrittenSegments,
} from "../../decode/index.ts";
import type { ReasoningSplitter } from "./reasoning-splitter.ts";

export interface ChoiceResult {
  readonly index: number;
  /** The policy that decided. It differs from the request's when the big model stood in for the small one. */
  readonly policy: string;
  readonly seed: number;
  readonly finish: FinishEvent;
  /** The first reason for which a model could not take part. */
  readonly degraded: string | undefined;
  /** The segments in order, without empty ones. Empty unless the request asks for them. */
  readonly segments: readonly WrittenSegment[];
}

export interface StartedChoice {
  readonly index: number;
  readonly policy: string;
  readonly seed: number;
  /** The prompt, as the first author has read it. */
  readonly prompt: readonly Piece[];
  readonly events: AsyncIterable<SplitEvent>;
  /** The reason for a stand-in, if it was known before the choice began. */
  readonly degraded: string | undefined;
}

/**
 * Consumes the events of a choice. It awaits `afterText` after each stretch of text, so that a slow reader slows the models.
 * @throws the stream's error, or the error of a generation that failed after it had begun.
 */
export async function runChoice(
  choice: StartedChoice,
  splitter: ReasoningSplitter,
  options: {
    readonly withSegments: boolean;
    readonly afterText?: () => Promise<void> | undefined;
    /** Called at the end, also before an error is thrown. */
    readonly onFinish?: (result: ChoiceResult) => void;
  },
): Promise<ChoiceResult> {
  let { degraded } = choice;
  const written = options.withSegments ? new WrittenSegments() : undefined;
  for await (const event of choice.events) {
    written?.push(event);
    switch (event.type) {
      case "segment-delta": {
        splitter.push(event.author, event.text, event.tokens);
        const room = options.afterText?.();
        if (room !== undefined) await room;
        break;
      }
      case "segment-start":
      case "segment-end":
      case "tag":
        break;
      case "degraded":
        degraded ??= redactCredentials(event.message);
        break;
      case "finish": {
        splitter.end();
        const { index, policy, seed } = choice;
        const result = { index, policy, seed, finish: event, degraded, segments: written?.segments ?? [] };
        options.onFinish?.(result);
        if (event.reason === "error") throw failure(event.message, event.code);
        return result;
      }
      default:
        event satisfies never;
    }
  }
  throw new TypeError("a split decode ended without a finish event");
}

/** A failure without a code is unknown to the decoder, so its message is not for clients. */
function failure(message = "the small model failed", code?: ErrorCode): Error {
  return code === undefined ? new Error(message) : new SplitReasonError(message, { code });
}
