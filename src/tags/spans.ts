/** Between tagged text and spans: parse to segments, wrap spans in tags, take tags out. */
import { DataError } from "../core/errors.ts";
import { type Piece, controlPiece, textPiece } from "../core/piece.ts";
import { OFFLOAD_TAGS, type TagPair } from "./grammar.ts";
import { type TagEvent, TagParser } from "./parser.ts";

/** A stretch of a text, in UTF-16 code units, `end` excluded. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

interface TaggedSegment {
  readonly inside: boolean;
  /** Without tags. Empty only for a span with nothing in it. */
  readonly text: string;
}

export interface TagFault {
  readonly kind: "nested-open" | "stray-close" | "unclosed-open";
  /** Offset of the faulty tag in the tagged text. */
  readonly position: number;
}

export interface TaggedText {
  /** In order; neighbours differ in `inside`, except that an empty outside is left out. */
  readonly segments: readonly TaggedSegment[];
  /** Empty when every span is properly opened and closed. */
  readonly faults: readonly TagFault[];
  /** The text without tags, and where its spans are. */
  readonly plain: string;
  readonly spans: readonly Span[];
}

/** Folds the events of one whole stream, {@link TagParser.flush} included. */
export function foldTagEvents(events: Iterable<TagEvent>): TaggedText {
  const segments: TaggedSegment[] = [];
  const faults: TagFault[] = [];
  const spans: Span[] = [];
  let plain = "";
  let current = "";
  let spanStart = 0;
  const endSegment = (inside: boolean): void => {
    if (inside) spans.push({ start: spanStart, end: plain.length });
    if (inside || current !== "") segments.push({ inside, text: current });
    current = "";
  };
  let inside = false;
  for (const event of events) {
    switch (event.type) {
      case "text":
        current += event.text;
        plain += event.text;
        break;
      case "open":
        if (event.fault === "nested") faults.push({ kind: "nested-open", position: event.start });
        else {
          endSegment(false);
          inside = true;
          spanStart = plain.length;
        }
        break;
      case "close":
        if (event.fault === "stray") faults.push({ kind: "stray-close", position: event.start });
        else {
          endSegment(true);
          inside = false;
        }
        break;
      case "unclosed":
        faults.push({ kind: "unclosed-open", position: event.start });
        break;
      default:
        event satisfies never;
    }
  }
  endSegment(inside);
  return { segments, faults, plain, spans };
}

/** Parses trusted text in one go. */
export function parseTagged(text: string, tags: TagPair = OFFLOAD_TAGS): TaggedText {
  return parseTaggedPieces([{ text, control: true }], tags);
}

/** Parses pieces: tags count in control pieces only, in plain ones they are text. */
export function parseTaggedPieces(pieces: readonly Piece[], tags: TagPair = OFFLOAD_TAGS): TaggedText {
  const parser = new TagParser(tags);
  const events = pieces.flatMap((piece) => parser.pushPiece(piece));
  return foldTagEvents([...events, ...parser.flush()]);
}

/** The text without its tags, stray and nested ones included. */
export function stripTags(text: string, tags: TagPair = OFFLOAD_TAGS): string {
  return text.replaceAll(tags.open, "").replaceAll(tags.close, "");
}

/** Puts tags around spans. Spans must be in order, apart and within the text; throws a {@link DataError} otherwise. */
export function wrapSpans(text: string, spans: readonly Span[], tags: TagPair = OFFLOAD_TAGS): string {
  return wrapSpansAsPieces(text, spans, tags)
    .map((piece) => piece.text)
    .join("");
}

/** The same as pieces: tags are control pieces, the text between them is plain whatever it says. */
export function wrapSpansAsPieces(
  text: string,
  spans: readonly Span[],
  tags: TagPair = OFFLOAD_TAGS,
): Piece[] {
  const pieces: Piece[] = [];
  const plain = (start: number, end: number): void => {
    if (end > start) pieces.push(textPiece(text.slice(start, end)));
  };
  let done = 0;
  for (const span of spans) {
    if (span.start < done || span.end < span.start || span.end > text.length) {
      throw new DataError(
        `span [${span.start}, ${span.end}) does not fit after offset ${done} of a text of ${text.length} code units; ` +
          `sort the spans, merge those that overlap and keep them within the text.`,
        { code: "data-invalid" },
      );
    }
    plain(done, span.start);
    pieces.push(controlPiece(tags.open));
    plain(span.start, span.end);
    pieces.push(controlPiece(tags.close));
    done = span.end;
  }
  plain(done, text.length);
  return pieces;
}
