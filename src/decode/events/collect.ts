/** Folds a stream of events into one result. */
import type { ErrorCode } from "../../core/errors.ts";
import { OFFLOAD_TAGS, type TagPair } from "../../tags/grammar.ts";
import type {
  Author,
  FinishReason,
  SegmentReason,
  SplitEvent,
  Timing,
  Usage,
  WrittenSegment,
} from "./events.ts";
import type { Ledger } from "./ledger.ts";

export interface SplitResult {
  /** The output, without tags. */
  readonly text: string;
  /** The output as the small model saw it, with the tags in place. */
  readonly taggedText: string;
  /** In order; segments in which nothing was written are left out. Their texts concatenate to `text`. */
  readonly segments: readonly WrittenSegment[];
  /** Requests that were refused. */
  readonly refusals: number;
  /** Those of them that the budget refused. */
  readonly budgetRefusals: number;
  /** Why the big model was lost, once for each loss. */
  readonly degraded: readonly string[];
  readonly usage: Usage;
  readonly timing: Timing;
  readonly finishReason: FinishReason;
  readonly message?: string;
  readonly code?: ErrorCode;
  readonly ledger?: Ledger;
}

/** Collects segments from the events of a stream, in order. Those in which nothing was written are left out. */
export class WrittenSegments {
  readonly segments: WrittenSegment[] = [];
  #open: { author: Author; reason: SegmentReason; tokens: number; text: string } | undefined;

  push(event: SplitEvent): void {
    const open = this.#open;
    if (event.type === "segment-start") {
      this.#open = { author: event.author, reason: event.reason, tokens: 0, text: "" };
    } else if (event.type === "segment-delta" && open !== undefined) {
      open.tokens += event.tokens.length;
      open.text += event.text;
    } else if (event.type === "segment-end") {
      if (open !== undefined && open.tokens > 0) this.segments.push({ ...open, end: event.reason });
      this.#open = undefined;
    }
  }
}

/**
 * Consumes the stream. Throws what it throws; a stream that ends without `finish` is a TypeError.
 * @param onTokens Called with the number of tokens that were just written.
 */
export async function collect(
  stream: AsyncIterable<SplitEvent>,
  tags: TagPair = OFFLOAD_TAGS,
  onTokens?: (count: number) => void,
): Promise<SplitResult> {
  const written = new WrittenSegments();
  const degraded: string[] = [];
  let taggedText = "";
  let refusals = 0;
  let budgetRefusals = 0;
  for await (const event of stream) {
    written.push(event);
    switch (event.type) {
      case "segment-start":
      case "segment-end":
        break;
      case "segment-delta":
        taggedText += event.text;
        onTokens?.(event.tokens.length);
        break;
      case "tag":
        if (event.by === "refused") {
          refusals++;
          if (event.refusal === "budget") budgetRefusals++;
        } else taggedText += event.text ?? tags[event.tag];
        break;
      case "degraded":
        degraded.push(event.message);
        break;
      case "finish": {
        const { type: _, reason, ...rest } = event;
        const { segments } = written;
        const text = segments.map((segment) => segment.text).join("");
        return {
          text,
          taggedText,
          segments,
          refusals,
          budgetRefusals,
          degraded,
          finishReason: reason,
          ...rest,
        };
      }
      default:
        event satisfies never;
    }
  }
  throw new TypeError("collect: the stream ended without a finish event");
}
