/**
 * A streaming parser for one pair of tags. It is fed text in chunks cut anywhere and yields text, opens and closes with
 * their positions; it holds back only what can still become a tag. Pure: no engine, no clock.
 *
 * The grammar is flat, as in the method (Paper 3.1): a span cannot hold a span. A text that does not fit is a value, not an error. An open
 * within a span (`nested`) and a close outside one (`stray`) are reported and change nothing. `unclosed` at the end reports a span that the
 * text leaves open. Deviation from the reference, which counts a stray close as nesting.
 */
import type { Piece } from "../core/piece.ts";
import { OFFLOAD_TAGS, type TagPair } from "./grammar.ts";
import { findMarker, partialMarkerLength } from "./partial.ts";

/** `start` and `end` are offsets in the whole stream, in UTF-16 code units, tags included. */
export type TagEvent =
  | {
      readonly type: "text";
      readonly text: string;
      readonly start: number;
      readonly end: number;
      /** Whether a span is open here. */
      readonly inside: boolean;
    }
  | { readonly type: "open"; readonly start: number; readonly end: number; readonly fault?: "nested" }
  | { readonly type: "close"; readonly start: number; readonly end: number; readonly fault?: "stray" }
  /** The text ended within the span that was opened at `start`. */
  | { readonly type: "unclosed"; readonly start: number; readonly end: number };

export class TagParser {
  readonly #tags: TagPair;
  readonly #markers: readonly string[];
  #held = "";
  /** Offset of the first held code unit. */
  #offset = 0;
  #openedAt: number | undefined;

  constructor(tags: TagPair = OFFLOAD_TAGS) {
    this.#tags = tags;
    this.#markers = [tags.open, tags.close];
  }

  /** Whether a span is open after what was released so far. */
  get inside(): boolean {
    return this.#openedAt !== undefined;
  }

  /** Code units held back: they may still become a tag. */
  get heldLength(): number {
    return this.#held.length;
  }

  /** Feeds trusted text: tags in it count. */
  push(chunk: string): TagEvent[] {
    const events: TagEvent[] = [];
    const text = this.#held + chunk;
    let from = 0;
    for (let hit = findMarker(text, this.#markers); hit; hit = findMarker(text, this.#markers, from)) {
      this.#release(text.slice(from, hit.start), events);
      this.#tag(hit.marker, events);
      from = hit.start + hit.marker.length;
    }
    const rest = text.slice(from);
    const keep = partialMarkerLength(rest, this.#markers);
    this.#release(rest.slice(0, rest.length - keep), events);
    this.#held = rest.slice(rest.length - keep);
    return events;
  }

  /** Feeds text that is never parsed: what a user typed stays text. A tag cannot reach over its edge either. */
  pushPlain(text: string): TagEvent[] {
    const events: TagEvent[] = [];
    this.#releaseHeld(events);
    this.#release(text, events);
    return events;
  }

  /** {@link push} for a control piece, {@link pushPlain} for any other. */
  pushPiece(piece: Piece): TagEvent[] {
    return piece.control === true ? this.push(piece.text) : this.pushPlain(piece.text);
  }

  /** The stream has ended: releases what is held and reports a span left open. The parser can then be used for another stream. */
  flush(): TagEvent[] {
    const events: TagEvent[] = [];
    this.#releaseHeld(events);
    if (this.#openedAt !== undefined) {
      events.push({ type: "unclosed", start: this.#openedAt, end: this.#offset });
    }
    this.#openedAt = undefined;
    this.#offset = 0;
    return events;
  }

  #releaseHeld(events: TagEvent[]): void {
    const held = this.#held;
    this.#held = "";
    this.#release(held, events);
  }

  #release(text: string, events: TagEvent[]): void {
    if (text === "") return;
    const start = this.#offset;
    this.#offset += text.length;
    events.push({ type: "text", text, start, end: this.#offset, inside: this.inside });
  }

  #tag(marker: string, events: TagEvent[]): void {
    const start = this.#offset;
    this.#offset += marker.length;
    const place = { start, end: this.#offset };
    if (marker === this.#tags.open) {
      if (this.inside) events.push({ type: "open", ...place, fault: "nested" });
      else {
        this.#openedAt = start;
        events.push({ type: "open", ...place });
      }
    } else if (this.inside) {
      this.#openedAt = undefined;
      events.push({ type: "close", ...place });
    } else events.push({ type: "close", ...place, fault: "stray" });
  }
}
