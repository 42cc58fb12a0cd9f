/** One choice of a request: its events are folded into what the answer reports, while its text goes to whoever shows it. */
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
  /** Who decided: another than the request's when one model had to stand in for both. */
  readonly policy: string;
  readonly seed: number;
  readonly finish: FinishEvent;
  /** The first thing that took a model away. */
  readonly degraded: string | undefined;
  /** In order, without empty ones; only when they are asked for. */
  readonly segments: readonly WrittenSegment[];
}

export interface StartedChoice {
  readonly index: number;
  readonly policy: string;
  readonly seed: number;
  /** What whoever writes first has read. */
  readonly prompt: readonly Piece[];
  readonly events: AsyncIterable<SplitEvent>;
  /** Known before it began. */
  readonly degraded: string | undefined;
}

/**
 * Consumes the events of a choice. `afterText` is awaited after each stretch of text: this is how a slow reader slows the models.
 * @throws what the stream throws, and the failure of a generation that had begun.
 */
export async function runChoice(
  choice: StartedChoice,
  splitter: ReasoningSplitter,
  options: {
    readonly withSegments: boolean;
    readonly afterText?: () => Promise<void> | undefined;
    /** Told before an error is thrown as well. */
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

/** Without a code it is nothing that the decoder knows, and its message is not for clients. */
function failure(message = "the small model failed", code?: ErrorCode): Error {
  return code === undefined ? new Error(message) : new SplitReasonError(message, { code });
}
