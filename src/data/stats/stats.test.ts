import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { TraceRow } from "../../formats/trace-row.ts";
import { loadTokenizer } from "../../tokenizer/index.ts";
import type { ReadOutcome } from "../readers/rows.ts";
import { Distribution } from "../../core/distribution.ts";
import { scriptSafeJson } from "../../core/html-page.ts";
import { Sample } from "./sample.ts";
import { StatisticsBuilder } from "./statistics.ts";
import { startsBefore, tokenizerStarts, wordStarts } from "./tokens.ts";

const outcome = (row: TraceRow): ReadOutcome => ({ type: "row", row, faults: [], place: "f:1" });
const row = (
  id: string,
  trace: string,
  marked: readonly string[],
  more: Partial<TraceRow> = {},
): TraceRow => ({
  id,
  problem: "p",
  trace,
  spans: marked.map((text) => ({ start: trace.indexOf(text), end: trace.indexOf(text) + text.length })),
  ...more,
});

describe("tokens", () => {
  test("words, digits and signs", () => {
    const text = "So 12+x = naïve 🙂🙂 \\frac{1}";
    const starts = [...wordStarts(text)];
    expect(starts.map((start, index) => text.slice(start, starts[index + 1]).trim())).toEqual([
      "So",
      "1",
      "2",
      "+",
      "x",
      "=",
      "naïve",
      "🙂",
      "🙂",
      "\\",
      "frac",
      "{",
      "1",
      "}",
    ]);
  });

  test("every visible character lies in exactly one token", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const starts = [...wordStarts(text)];
        expect(starts).toEqual([...new Set(starts)].sort((a, b) => a - b));
        const first = text.search(/\S/u);
        expect(starts[0] ?? -1).toBe(first);
        for (const start of starts) expect(text.slice(start, start + 1)).toMatch(/\S/u);
      }),
    );
  });

  test("a model's own tokens begin where its bytes say", async () => {
    const { tokenizer } = await loadTokenizer("models/micro/small");
    const text = "First, é 🙂 12";
    const starts = [...tokenizerStarts(tokenizer)(text)];
    // The micro vocabulary has no é and no 🙂: two and four byte tokens, each of which counts from its character.
    expect(starts.filter((start) => start === text.indexOf("é")).length).toBe(2);
    expect(starts.filter((start) => start === text.indexOf("🙂")).length).toBe(4);
    expect(starts.at(-1)).toBe(text.length - 1);
  });

  test("tokens before an offset", () => {
    const starts = Int32Array.from([0, 3, 9]);
    expect([0, 1, 3, 4, 9, 10].map((offset) => startsBefore(starts, offset))).toEqual([0, 1, 1, 2, 2, 3]);
  });
});

describe("distributions", () => {
  test("by hand", () => {
    const values = new Distribution();
    expect(values.summary()).toEqual({ count: 0 });
    for (const value of [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]) values.add(value);
    expect(values.summary()).toEqual({ count: 10, mean: 3.9, median: 3.5, p90: 6, min: 1, max: 9 });
    expect(values.histogram([0, 2, 4, 5])).toEqual({ edges: [0, 2, 4, 5], counts: [2, 3, 5] });
  });
});

describe("statistics", () => {
  test("by hand: shares, places, lengths", () => {
    const builder = new StatisticsBuilder();
    // Ten tokens, two spans of 1 and 2; what lies behind the chain of thought does not count.
    builder.add(outcome(row("a", "a b c d e f g h i j</think>\nz z z", ["b", "i j"], { source: "s" })), "f");
    builder.add(outcome(row("b", "a b c d", [], { source: "s" })), "f");
    builder.add(outcome(row("c", "", [], { source: "t" })), "f");
    builder.add({ type: "skipped", reason: "invalid", message: "", place: "" }, "f");
    builder.add(outcome({ ...row("d", "a b", []), spans: [{ start: 1, end: 9 }] }), "f");
    const { overall, bySource, faulty, skipped, files } = builder.finish();
    expect({ files, faulty, skipped }).toEqual({ files: ["f"], faulty: 1, skipped: 1 });
    expect(overall).toMatchObject({ rows: 3, rowsWithSpans: 1, spans: 2, tokens: 14, spanTokens: 3 });
    expect(overall.share).toMatchObject({ median: 0, max: 0.3 });
    expect(overall.share.mean).toBeCloseTo(0.1, 12);
    expect(overall.spanLength).toMatchObject({ mean: 1.5, median: 1.5 });
    expect(overall.spansPerTrace).toMatchObject({ median: 0, max: 2 });
    expect(bySource.map(({ name, rows }) => `${name} ${rows}`)).toEqual(["s 2", "t 1"]);
    // Token k of 10 lies at (k + .5) / 10, in bin 2k + 1; token k of 4 at (k + .5) / 4, in bin 5k + 2.
    expect(overall.position.map((share, bin) => (share > 0 ? bin : -1)).filter((bin) => bin >= 0)).toEqual([
      3, 17, 19,
    ]);
    expect(overall.position[3]).toBe(1);
    expect(overall.position[17]).toBe(0.5);
  });

  test("agreement of two annotators, by hand", () => {
    const builder = new StatisticsBuilder();
    const text = "a b c d e f g h i j";
    builder.add(outcome(row("1", text, ["a b c d"], { annotator: "llm" })), "x");
    builder.add(outcome(row("2", text, [], { annotator: "llm" })), "x");
    builder.add(outcome(row("3", text, ["a"], { annotator: "llm" })), "x");
    builder.add(outcome(row("1", text, ["c d e f"], { annotator: "gap" })), "y");
    builder.add(outcome(row("2", text, [], { annotator: "gap" })), "y");
    builder.add(outcome(row("3", "another text", ["text"], { annotator: "gap" })), "y");
    builder.add(outcome(row("4", text, ["a"], { annotator: "gap" })), "y");
    const [agreement, ...rest] = builder.finish().agreement;
    expect(rest).toEqual([]);
    expect(agreement).toMatchObject({
      first: "llm",
      second: "gap",
      rows: 2,
      differentText: 1,
      tokens: { both: 2, onlyFirst: 2, onlySecond: 2, neither: 14 },
      f1: 0.5,
      share: { first: 0.2, second: 0.2 },
    });
    // Observed .8, by chance .2 * .2 + .8 * .8 = .68.
    expect(agreement?.kappa).toBeCloseTo((0.8 - 0.68) / (1 - 0.68), 12);
  });

  test("agreement is what counting token by token gives", () => {
    const marks = fc.array(fc.boolean(), { minLength: 12, maxLength: 12 });
    const text = "a b c d e f g h i j k l";
    /** Runs of marked words as spans. */
    const spansOf = (marked: readonly boolean[]) =>
      marked.flatMap((mark, index) => {
        if (!mark || marked[index - 1] === true) return [];
        const last = marked.indexOf(false, index);
        return [{ start: 2 * index, end: 2 * ((last < 0 ? 12 : last) - 1) + 1 }];
      });
    fc.assert(
      fc.property(marks, marks, (left, right) => {
        const builder = new StatisticsBuilder();
        builder.add(
          outcome({ id: "1", problem: "p", trace: text, spans: spansOf(left), annotator: "l" }),
          "f",
        );
        builder.add(
          outcome({ id: "1", problem: "p", trace: text, spans: spansOf(right), annotator: "r" }),
          "f",
        );
        const count = (test: (l: boolean, r: boolean) => boolean) =>
          left.filter((mark, index) => test(mark, right[index] ?? false)).length;
        expect(builder.finish().agreement[0]?.tokens).toEqual({
          both: count((l, r) => l && r),
          onlyFirst: count((l, r) => l && !r),
          onlySecond: count((l, r) => !l && r),
          neither: count((l, r) => !l && !r),
        });
      }),
    );
  });

  test("the same annotator in two files is told by the file", () => {
    const builder = new StatisticsBuilder();
    builder.add(outcome(row("1", "a b", ["a"], { annotator: "llm" })), "x");
    builder.add(outcome(row("1", "a b", ["a"], { annotator: "llm" })), "y");
    expect(builder.finish().agreement).toMatchObject([
      { first: "llm (x)", second: "llm (y)", f1: 1, kappa: 1 },
    ]);
  });
});

describe("samples", () => {
  test("keep the order, take every trace equally often, and all of its annotations", () => {
    const taken = Array.from({ length: 50 }, () => 0);
    for (let seed = 0; seed < 2000; seed++) {
      const sample = new Sample({ traces: 5 }, seed);
      for (let id = 0; id < 50; id++) sample.add(row(`${id}`, "a", [], { annotator: "llm" }));
      for (let id = 0; id < 50; id++) sample.add(row(`${id}`, "a", [], { annotator: "gap" }));
      const rows = sample.rows();
      const ids = rows.filter(({ annotator }) => annotator === "llm").map(({ id }) => Number(id));
      expect(ids).toEqual(ids.toSorted((a, b) => a - b));
      expect(rows.map(({ id }) => Number(id))).toEqual(ids.flatMap((id) => [id, id]));
      for (const id of ids) taken[id] = (taken[id] ?? 0) + 1;
    }
    // 200 expected of 2,000; standard deviation 13.4.
    for (const count of taken) expect(Math.abs(count - 200)).toBeLessThan(5 * 13.4);
  });

  test("stay within their bounds, and say what was too long", () => {
    const sample = new Sample({ traces: 100, maxTraceUnits: 10, maxUnits: 60 }, 1);
    for (let id = 0; id < 30; id++) sample.add(row(`${id}`, "a".repeat(id === 0 ? 11 : 5), []));
    expect(sample).toMatchObject({ seen: 30, tooLong: 1 });
    // Ten of six code units each.
    expect(sample.rows()).toHaveLength(10);
  });
});

test("data in a page cannot leave its element", () => {
  const json = scriptSafeJson({ trace: "</script><!-- <script> & \u2028" });
  expect(json).not.toMatch(/[<>&\u2028]/u);
  expect(JSON.parse(json)).toEqual({ trace: "</script><!-- <script> & \u2028" });
});
