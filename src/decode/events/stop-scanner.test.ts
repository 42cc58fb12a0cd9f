import fc from "fast-check";
import { expect, test } from "vitest";

import type { Author, SplitEvent } from "./events.ts";
import { type ScanResult, StopScanner } from "./stop-scanner.ts";

/** A stream of segments, each of deltas, each of tokens. */
const streams = fc.array(
  fc.array(fc.array(fc.constantFrom("a", "b", "ab", "", "ba", "aab"), { minLength: 1, maxLength: 4 }), {
    maxLength: 4,
  }),
  { minLength: 1, maxLength: 5 },
);

function eventsOf(segments: readonly (readonly (readonly string[])[])[]): SplitEvent[] {
  return segments.flatMap((deltas, index): SplitEvent[] => {
    const author: Author = index % 2 === 0 ? "small" : "big";
    return [
      { type: "segment-start", author, reason: "scheduled" },
      ...deltas.map((texts): SplitEvent => ({
        type: "segment-delta",
        author,
        text: texts.join(""),
        tokens: texts.map((text) => ({ text })),
      })),
      { type: "segment-end", author, reason: "scheduled" },
      { type: "tag", tag: index % 2 === 0 ? "open" : "close", by: "forced" },
    ];
  });
}

const textOf = (events: readonly SplitEvent[]): string =>
  events.map((event) => (event.type === "segment-delta" ? event.text : "")).join("");
const tokensOf = (events: readonly SplitEvent[]): number =>
  events.reduce((sum, event) => sum + (event.type === "segment-delta" ? event.tokens.length : 0), 0);

function scan(events: readonly SplitEvent[], stops: readonly string[]) {
  const scanner = new StopScanner(stops);
  const out: SplitEvent[] = [];
  let seen = "";
  let consumed = 0;
  let stopped: ScanResult["stopped"];
  for (const event of events) {
    const result = scanner.push(event);
    out.push(...result.events);
    consumed += tokensOf([event]);
    if (event.type === "segment-delta") seen += event.text;
    if (result.stopped !== undefined) {
      stopped = result.stopped;
      break;
    }
    // Held back is less than a stop text.
    expect(seen.length - textOf(out).length).toBeLessThan(Math.max(...stops.map((stop) => stop.length)) + 3);
  }
  if (stopped === undefined) out.push(...scanner.flush());
  return { out, stopped, consumed };
}

test("the output ends before the first stop text, wherever it lies", () => {
  fc.assert(
    fc.property(
      streams,
      fc.array(fc.constantFrom("aa", "bba", "abab", "b"), { minLength: 1, maxLength: 2 }),
      (segments, stops) => {
        const events = eventsOf(segments);
        const { out, stopped, consumed } = scan(events, stops);
        const whole = textOf(events);
        // The stop text that is complete first; of two that end together the longer one.
        const hits = stops
          .map((stop) => ({ start: whole.indexOf(stop), end: whole.indexOf(stop) + stop.length }))
          .filter(({ start }) => start >= 0)
          .sort((a, b) => a.end - b.end || a.start - b.start);
        const first = hits[0]?.start ?? Infinity;
        expect(stopped !== undefined).toBe(first !== Infinity);
        if (stopped === undefined) {
          expect(textOf(out)).toBe(whole);
          expect(tokensOf(out)).toBe(tokensOf(events));
          return;
        }
        expect(textOf(out)).toBe(whole.slice(0, first));
        // Every token seen is output or counted as dropped; of one that is cut, its beginning is output.
        expect(tokensOf(out) + stopped.dropped.small + stopped.dropped.big).toBe(consumed);
        // Starts and ends pair up.
        let open = 0;
        for (const event of out) {
          if (event.type === "segment-start") open++;
          if (event.type === "segment-end") open--;
          expect(open === 0 || open === 1).toBe(true);
        }
        expect(open).toBe(0);
      },
    ),
    { numRuns: 1000 },
  );
});
