/** The output so far: makes the events, keeps the history that policies see, and counts tokens. */
import type { Clock } from "../../core/clock.ts";
import type {
  Author,
  Refusal,
  SegmentEndReason,
  SegmentReason,
  SegmentToken,
  SplitEvent,
  TagOrigin,
  Timing,
  WrittenSegment,
} from "../events/events.ts";
import type { History } from "../policies/policy.ts";
import { TAIL_LENGTH } from "../policies/step-boundaries.ts";

interface OpenSegment {
  readonly author: Author;
  readonly reason: SegmentReason;
  tokens: number;
  text: string;
}

export class Transcript implements History {
  readonly segments: WrittenSegment[] = [];
  promptTokens = 0;
  smallTokens = 0;
  bigTokens = 0;
  tagTokens = 0;
  switches = 0;
  tail = "";
  readonly #clock: Clock;
  readonly #startedMs: number;
  readonly #maxTokens: number;
  readonly #handoffsMs: number[] = [];
  #firstTokenMs: number | undefined;
  #current: OpenSegment | undefined;

  constructor(clock: Clock, maxTokens: number) {
    this.#clock = clock;
    this.#startedMs = clock.nowMs();
    this.#maxTokens = maxTokens;
  }

  /** Tokens that may still be written, by either author. */
  get remaining(): number {
    return this.#maxTokens - this.smallTokens - this.bigTokens;
  }

  get openAuthor(): Author | undefined {
    return this.#current?.author;
  }

  get segmentTokens(): number {
    return this.#current?.tokens ?? 0;
  }

  get segmentText(): string {
    return this.#current?.text ?? "";
  }

  start(author: Author, reason: SegmentReason): SplitEvent {
    this.#current = { author, reason, tokens: 0, text: "" };
    if (author === "big") this.switches++;
    return { type: "segment-start", author, reason };
  }

  delta(tokens: readonly SegmentToken[]): SplitEvent {
    const current = this.#current;
    if (current === undefined) throw new TypeError("Transcript.delta: no segment is open");
    let text = "";
    for (const token of tokens) text += token.text;
    current.tokens += tokens.length;
    current.text += text;
    this.tail = (this.tail + text).slice(-TAIL_LENGTH);
    if (current.author === "small") this.smallTokens += tokens.length;
    else this.bigTokens += tokens.length;
    this.#firstTokenMs ??= this.#clock.nowMs() - this.#startedMs;
    return { type: "segment-delta", author: current.author, text, tokens };
  }

  end(reason: SegmentEndReason): SplitEvent {
    const current = this.#current;
    if (current === undefined) throw new TypeError("Transcript.end: no segment is open");
    this.#current = undefined;
    this.segments.push({ ...current, end: reason });
    return { type: "segment-end", author: current.author, reason };
  }

  tag(
    tag: "open" | "close",
    by: TagOrigin,
    details: {
      readonly text?: string;
      readonly logprob?: number | undefined;
      readonly refusal?: Refusal;
    } = {},
  ): SplitEvent {
    return {
      type: "tag",
      tag,
      by,
      ...(details.text === undefined ? {} : { text: details.text }),
      ...(details.logprob === undefined ? {} : { logprob: details.logprob }),
      ...(details.refusal === undefined ? {} : { refusal: details.refusal }),
    };
  }

  countHandoff(fromMs: number, toMs: number): void {
    this.#handoffsMs.push(toMs - fromMs);
  }

  /** Uncounts tokens that a stop text cut off before anyone saw them. */
  takeBack(tokens: Readonly<Record<Author, number>>): void {
    this.smallTokens -= tokens.small;
    this.bigTokens -= tokens.big;
  }

  timing(): Timing {
    return {
      totalMs: this.#clock.nowMs() - this.#startedMs,
      ...(this.#firstTokenMs === undefined ? {} : { firstTokenMs: this.#firstTokenMs }),
      handoffsMs: this.#handoffsMs,
    };
  }
}
