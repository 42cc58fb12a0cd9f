import { describe, expect, test } from "vitest";

import type { TraceRow } from "../../formats/trace-row.ts";
import { rowsOf } from "../readers/rows.ts";
import { Checker, type CheckOptions } from "./checker.ts";
import type { FindingName } from "./finding.ts";
import { SourceTexts } from "./texts.ts";

/** What a file with these rows is found to have: `kind: ids`. */
function check(rows: readonly unknown[], options: CheckOptions = {}) {
  const checker = new Checker({ plain: true, ...options });
  rows.forEach((value, index) => {
    const record = { place: `f:${index + 1}`, doneBytes: 0, content: { value } };
    for (const outcome of rowsOf(record, "first-correct")) checker.add(outcome);
  });
  const report = checker.finish();
  return {
    ...report,
    found: Object.fromEntries(report.findings.map(({ kind, ids }) => [kind, ids.join(" ")])) as Partial<
      Record<FindingName, string>
    >,
  };
}

const row = (id: string, trace: string, spans?: TraceRow["spans"], more: Partial<TraceRow> = {}) => ({
  id,
  problem: `problem of ${id}`,
  trace,
  ...(spans === undefined ? {} : { spans }),
  ...more,
});

test("a good file is fit", () => {
  const report = check(
    [row("a", "one <bigmodel>two</bigmodel> three</think>\n4"), row("b", "one two", [{ start: 4, end: 7 }])],
    {
      plain: false,
    },
  );
  expect(report).toMatchObject({ fit: true, rows: 2, rowsWithSpans: 2, findings: [] });
});

describe("each fault is found, in the row that has it and in no other", () => {
  const good = row("good", "a sound row of words \\frac{1}{2} 🙂", [{ start: 2, end: 7 }]);
  const cases: readonly [FindingName, ReturnType<typeof row>, CheckOptions?][] = [
    ["nested-open", row("x", "a <bigmodel>b<bigmodel>c</bigmodel>")],
    ["stray-close", row("x", "a b</bigmodel> c")],
    ["unclosed-open", row("x", "a <bigmodel>b c")],
    ["tags-beside-spans", row("x", "a <bigmodel>b</bigmodel>", [{ start: 0, end: 1 }])],
    ["mangled-tag", row("x", "a <\\bigmodel> b")],
    ["mangled-tag", row("x", "a < / BigModel > b")],
    ["mangled-tag", row("x", "a <bigmodel b")],
    ["span-misfit", row("x", "abc", [{ start: 2, end: 4 }])],
    [
      "span-misfit",
      row("x", "abcdef", [
        { start: 3, end: 5 },
        { start: 0, end: 2 },
      ]),
    ],
    [
      "span-misfit",
      row("x", "abcdef", [
        { start: 0, end: 3 },
        { start: 2, end: 5 },
      ]),
    ],
    ["span-misfit", row("x", "abcdef", [{ start: 2, end: 2 }])],
    ["span-in-character", row("x", "a lot of words and 🙂 then", [{ start: 14, end: 20 }])],
    ["span-over-marker", row("x", "a b c d e f g</think>\nanswer", [{ start: 12, end: 15 }])],
    ["span-in-command", row("x", "take \\frac{1}{2} of it, and more", [{ start: 0, end: 7 }])],
    ["span-blank", row("x", "a  b", [{ start: 1, end: 3 }])],
    ["share-high", row("x", "one two three", [{ start: 0, end: 13 }])],
    ["share-low", row("x", "one two three", []), { minShare: 0.05 }],
    ["too-short", row("x", "one"), { minTokens: 2 }],
    ["too-long", row("x", "w ".repeat(50)), { maxTokens: 49 }],
    ["scores-misfit", row("x", "a b", [], { scores: { offsets: [0, 1], gap: [1] } })],
    ["scores-misfit", row("x", "a b", [], { scores: { offsets: [1, 0], gap: [1, 2] } })],
    ["scores-misfit", row("x", "a b", [], { scores: { offsets: [0, 3], gap: [1, 2] } })],
    ["failed-row", row("x", "a b", [], { error: "no answer" })],
    ["answer-wrong", row("x", "a b", [], { answer: "5" }), { verify: () => "wrong" }],
    ["answer-unverified", row("x", "a b", [], { answer: "5" }), { verify: () => "unknown" }],
  ];
  test.each(cases)("%s: %j", (kind, bad, options) => {
    const wide = { minTokens: 0, maxTokens: 1000, ...options };
    expect(check([good, bad], wide).found).toEqual({ [kind]: "x" });
  });
});

test("a line break in LaTeX begins no command, and a span from a command to its end is whole", () => {
  const trace = "x \\\\then \\frac{1}{2} and then some more words here";
  const start = trace.indexOf("then");
  const command = trace.indexOf("\\frac");
  expect(
    check([
      row("a", trace, [
        { start: start + 1, end: start + 4 },
        { start: command, end: command + 5 },
      ]),
    ]).found,
  ).toEqual({});
});

test("duplicates: of ids and of traces, unless another annotator marked them", () => {
  const first = row("a", "one two three", [], { annotator: "llm" });
  expect(check([first, { ...first, annotator: "gap" }]).found).toEqual({});
  expect(check([first, { ...first, trace: "another" }]).found).toEqual({ "duplicate-id": "a" });
  expect(check([first, { ...first, id: "b" }]).found).toEqual({ "duplicate-trace": "b" });
});

test("a source: changed, unknown and lost rows", () => {
  const source = new SourceTexts();
  for (const id of ["a", "b", "lost"]) source.add(id, "one two");
  const report = check(
    [row("a", "one <bigmodel>two</bigmodel>"), row("b", "one  two"), row("new", "three")],
    { source },
  );
  expect(report.found).toEqual({ "text-changed": "b", "not-in-source": "new", "missing-row": "lost" });
  expect(report).toMatchObject({ fit: false, compared: 2 });
});

test("a lone surrogate is a text like any other", () => {
  const source = new SourceTexts();
  source.add("a", "\ud800");
  expect(check([row("a", "\ud801")], { source }).found).toEqual({ "text-changed": "a" });
});

test("nothing, and nothing marked", () => {
  expect(check([]).found).toEqual({ "no-rows": "(file)" });
  expect(check([row("a", "b")], { plain: false }).found).toEqual({ "no-spans": "(file)" });
  expect(check([{ id: "a" }, row("b", "c")]).found).toEqual({ "row-invalid": "f:1" });
});

test("warnings leave a file fit; answers are counted", () => {
  const report = check([row("a", "b", [], { answer: "1" }), row("b", "c")], { verify: () => "unknown" });
  expect(report).toMatchObject({ fit: true, answers: { right: 0, wrong: 0, unknown: 1, none: 1 } });
});
