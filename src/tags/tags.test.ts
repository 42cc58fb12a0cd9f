import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { controlPiece, textPiece } from "../core/piece.ts";
import {
  OFFLOAD_TAGS,
  type TagEvent,
  TagParser,
  foldTagEvents,
  parseTagged,
  parseTaggedPieces,
  partialMarkerLength,
  stripTags,
  wrapSpans,
  wrapSpansAsPieces,
} from "./index.ts";

const { open, close } = OFFLOAD_TAGS;

/** Text made mostly of tags, parts of tags and what looks like tags. */
const hostileText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        open,
        close,
        "<",
        "</",
        "<big",
        "model>",
        "</bigmodel",
        "<<bigmodel>>",
        "<\\bigmodel>",
        "<BIGMODEL>",
        " ",
        "é",
        "🙂",
      ),
      fc.string({ maxLength: 6, unit: "binary" }),
    ),
    { maxLength: 14 },
  )
  .map((parts) => parts.join(""));

/** `text` cut at arbitrary places, within tags and surrogate pairs as well; empty chunks included. */
const chunkings = hostileText.chain((text) =>
  fc
    .array(fc.nat({ max: text.length }), { maxLength: 12 })
    .map((cuts) => {
      const edges = [0, ...cuts.sort((a, b) => a - b), text.length];
      return edges.slice(1).map((edge, index) => text.slice(edges[index], edge));
    })
    .map((chunks) => ({ text, chunks })),
);

function feed(chunks: readonly string[]): TagEvent[] {
  const parser = new TagParser();
  return [...chunks.flatMap((chunk) => parser.push(chunk)), ...parser.flush()];
}

/** Joins neighbouring text events, so that streams can be compared. */
function joined(events: readonly TagEvent[]): TagEvent[] {
  const result: TagEvent[] = [];
  for (const event of events) {
    const last = result.at(-1);
    if (event.type === "text" && last?.type === "text" && last.end === event.start) {
      result[result.length - 1] = { ...last, text: last.text + event.text, end: event.end };
    } else result.push(event);
  }
  return result;
}

describe("the streaming parser", () => {
  test("any chunking gives the same events", () => {
    fc.assert(
      fc.property(chunkings, ({ text, chunks }) => {
        expect(joined(feed(chunks))).toEqual(joined(feed([text])));
      }),
      { numRuns: 500 },
    );
  });

  test("nothing is lost, nothing leaks: events tile the text, and text events hold no tag", () => {
    fc.assert(
      fc.property(chunkings, ({ text, chunks }) => {
        const events = feed(chunks).filter((event) => event.type !== "unclosed");
        let position = 0;
        let rebuilt = "";
        for (const event of events) {
          expect(event.start).toBe(position);
          position = event.end;
          rebuilt += event.type === "text" ? event.text : OFFLOAD_TAGS[event.type];
        }
        expect(rebuilt).toBe(text);
        for (const event of joined(events)) {
          if (event.type !== "text") continue;
          expect(event.text).not.toContain(open);
          expect(event.text).not.toContain(close);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("holds back only what can still become a tag", () => {
    fc.assert(
      fc.property(chunkings, ({ chunks }) => {
        const parser = new TagParser();
        let seen = "";
        let released = 0;
        for (const chunk of chunks) {
          seen += chunk;
          for (const event of parser.push(chunk)) released = event.end;
          const held = seen.slice(released);
          expect(parser.heldLength).toBe(held.length);
          expect(held === "" || open.startsWith(held) || close.startsWith(held)).toBe(true);
          expect(held.length).toBeLessThan(close.length);
        }
      }),
    );
    expect(partialMarkerLength("a < b <", [open, close])).toBe(1);
    expect(partialMarkerLength("<bigmodel", [open, close])).toBe(9);
    expect(partialMarkerLength("<bigmodelx", [open, close])).toBe(0);
  });

  test("positions", () => {
    expect(feed(["ab<big", "model>cd", "</bigmodel>e<"])).toEqual([
      { type: "text", text: "ab", start: 0, end: 2, inside: false },
      { type: "open", start: 2, end: 12 },
      { type: "text", text: "cd", start: 12, end: 14, inside: true },
      { type: "close", start: 14, end: 25 },
      { type: "text", text: "e", start: 25, end: 26, inside: false },
      { type: "text", text: "<", start: 26, end: 27, inside: false },
    ]);
  });

  test("can be used again after a flush", () => {
    const parser = new TagParser();
    parser.push(`a${open}b`);
    expect(parser.inside).toBe(true);
    parser.flush();
    expect(parser.inside).toBe(false);
    expect(parser.push("c")).toEqual([{ type: "text", text: "c", start: 0, end: 1, inside: false }]);
  });
});

describe("faults are values", () => {
  test("stray close, nested open, unclosed open", () => {
    const parsed = parseTagged(`a${close}b${open}c${open}d${close}e${open}f`);
    expect(parsed.segments).toEqual([
      { inside: false, text: "ab" },
      { inside: true, text: "cd" },
      { inside: false, text: "e" },
      { inside: true, text: "f" },
    ]);
    expect(parsed.faults.map((fault) => fault.kind)).toEqual(["stray-close", "nested-open", "unclosed-open"]);
    expect(parsed.faults.map((fault) => fault.position)).toEqual([1, 24, 47]);
    expect(parsed.plain).toBe("abcdef");
  });

  test("an empty span is kept", () => {
    expect(parseTagged(`${open}${close}`)).toEqual({
      segments: [{ inside: true, text: "" }],
      faults: [],
      plain: "",
      spans: [{ start: 0, end: 0 }],
    });
  });

  test("foldTagEvents ends with what is open", () => {
    const parser = new TagParser();
    expect(foldTagEvents([...parser.push(`${open}x`), ...parser.flush()]).spans).toEqual([
      { start: 0, end: 1 },
    ]);
  });
});

describe("spans", () => {
  const textAndSpans = fc
    .string({ maxLength: 40, unit: "grapheme" })
    .chain((text) =>
      fc
        .uniqueArray(fc.nat({ max: text.length }), { maxLength: 8 })
        .map((edges) => edges.sort((a, b) => a - b))
        .map((edges) => {
          const spans = [];
          for (let index = 0; index + 1 < edges.length; index += 2) {
            spans.push({ start: edges[index] as number, end: edges[index + 1] as number });
          }
          return { text, spans };
        }),
    )
    .filter(({ text }) => !text.includes("<"));

  test("wrap, parse and strip are inverse", () => {
    fc.assert(
      fc.property(textAndSpans, ({ text, spans }) => {
        const tagged = wrapSpans(text, spans);
        expect(stripTags(tagged)).toBe(text);
        const parsed = parseTagged(tagged);
        expect(parsed.plain).toBe(text);
        expect(parsed.spans).toEqual(spans);
        expect(parsed.faults).toEqual([]);
      }),
    );
  });

  test("a tag that the user typed stays text", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(hostileText, fc.boolean()), { maxLength: 8 }), (parts) => {
        const pieces = parts.map(([text, control]) => (control ? controlPiece("x") : textPiece(text)));
        const parsed = parseTaggedPieces(pieces);
        expect(parsed.plain).toBe(pieces.map((piece) => piece.text).join(""));
        expect(parsed.spans).toEqual([]);
        expect(parsed.faults).toEqual([]);
      }),
    );
  });

  test("a tag does not reach over the edge of a trusted piece", () => {
    expect(parseTaggedPieces([controlPiece("<big"), textPiece("model>x")]).plain).toBe("<bigmodel>x");
    expect(parseTaggedPieces([controlPiece("<big"), controlPiece("model>x")]).segments).toEqual([
      { inside: true, text: "x" },
    ]);
  });

  test("wrapping text that looks like tags keeps it plain", () => {
    const pieces = wrapSpansAsPieces(`say ${close} now`, [{ start: 4, end: 15 }]);
    expect(pieces.map((piece) => piece.control ?? false)).toEqual([false, true, false, true, false]);
    expect(parseTaggedPieces(pieces).spans).toEqual([{ start: 4, end: 15 }]);
  });

  test("spans that do not fit are refused", () => {
    expect(() => wrapSpans("abc", [{ start: 2, end: 4 }])).toThrow(/span \[2, 4\)/);
    expect(() =>
      wrapSpans("abc", [
        { start: 1, end: 2 },
        { start: 0, end: 1 },
      ]),
    ).toThrow(/sort the spans/);
  });
});
