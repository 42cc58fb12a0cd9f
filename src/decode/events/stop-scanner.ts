/**
 * Stop texts, matched on the output as a reader sees it: across tokens, segments and authors. Events are held back only while
 * their text may still become a stop text.
 */
import { partialMarkerLength } from "../../tags/partial.ts";
import type { Author, SegmentToken, SplitEvent } from "./events.ts";

type Delta = Extract<SplitEvent, { type: "segment-delta" }>;

export interface ScanResult {
  readonly events: readonly SplitEvent[];
  /** Set once, when a stop text was found: tokens that were held back and are now discarded. */
  readonly stopped?: { readonly dropped: Readonly<Record<Author, number>> };
}

/** Thrown where the text is written, to end it. */
export class StopFound extends Error {
  readonly dropped: Readonly<Record<Author, number>>;

  constructor(dropped: Readonly<Record<Author, number>>) {
    super("a stop text was written");
    this.dropped = dropped;
  }
}

export class StopScanner {
  readonly #stops: readonly string[];
  #queue: SplitEvent[] = [];
  /** Text of the queue. */
  #text = "";
  #openAuthor: Author | undefined;

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  push(event: SplitEvent): ScanResult {
    this.#queue.push(event);
    if (event.type === "segment-delta") this.#text += event.text;
    const start = firstCompleted(this.#text, this.#stops);
    if (start === undefined) {
      return { events: this.#release(this.#text.length - partialMarkerLength(this.#text, this.#stops)) };
    }
    const events = this.#release(start);
    const rest = this.#queue;
    this.#queue = [];
    this.#text = "";
    const dropped = { small: 0, big: 0 };
    for (const [index, later] of rest.entries()) {
      if (later.type !== "segment-delta") continue;
      const beginsOutput = index === 0 ? this.#takeBeginning(later, start, events) : 0;
      dropped[later.author] += later.tokens.length - beginsOutput;
    }
    if (this.#openAuthor !== undefined) {
      events.push({ type: "segment-end", author: this.#openAuthor, reason: "stop" });
    }
    return { events, stopped: { dropped } };
  }

  /** The output ended by itself: releases everything. */
  flush(): readonly SplitEvent[] {
    return this.#release(this.#text.length);
  }

  #released = 0;

  /** Takes from the queue what lies before `limit` code units of its text. */
  #release(limit: number): SplitEvent[] {
    const events: SplitEvent[] = [];
    let taken = 0;
    while (this.#queue.length > 0) {
      const event = this.#queue[0] as SplitEvent;
      if (event.type === "segment-delta") {
        if (taken + event.text.length > limit) {
          taken += this.#releaseTokens(event, limit - taken, events);
          break;
        }
        taken += event.text.length;
      }
      if (event.type === "segment-start") this.#openAuthor = event.author;
      if (event.type === "segment-end") this.#openAuthor = undefined;
      events.push(event);
      this.#queue.shift();
    }
    this.#text = this.#text.slice(taken);
    this.#released = taken;
    return events;
  }

  /** Splits a delta between tokens: those that fit in `room` go, the others stay in the queue. */
  #releaseTokens(delta: Delta, room: number, events: SplitEvent[]): number {
    let count = 0;
    let length = 0;
    for (const { text } of delta.tokens) {
      if (length + text.length > room) break;
      length += text.length;
      count++;
    }
    if (count === 0) return 0;
    events.push(part(delta, delta.tokens.slice(0, count)));
    this.#queue[0] = part(delta, delta.tokens.slice(count));
    return length;
  }

  /** A stop text that begins within a token: the token's beginning is output, without its id. Returns how many tokens that saved. */
  #takeBeginning(delta: Delta, cut: number, events: SplitEvent[]): number {
    const length = cut - this.#released;
    const token = delta.tokens[0];
    if (length <= 0 || token === undefined) return 0;
    events.push(part(delta, [{ text: token.text.slice(0, length) }]));
    return 1;
  }
}

/** Where the stop text begins that is complete first: which one it is does not depend on how the text was cut. */
function firstCompleted(text: string, stops: readonly string[]): number | undefined {
  let best: { readonly start: number; readonly end: number } | undefined;
  for (const stop of stops) {
    const start = text.indexOf(stop);
    const end = start + stop.length;
    if (start < 0) continue;
    if (best === undefined || end < best.end || (end === best.end && start < best.start))
      best = { start, end };
  }
  return best?.start;
}

function part(delta: Delta, tokens: readonly SegmentToken[]): Delta {
  return { ...delta, tokens, text: tokens.map(({ text }) => text).join("") };
}
