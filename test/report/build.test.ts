/** The data of a report from folders of runs: what is counted, and how it says what is not. */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, test } from "vitest";

import { buildReport } from "../../src/eval/report/build.ts";
import { armColumns } from "../../src/eval/report/columns.ts";
import { rowsIn } from "../../src/eval/rows.ts";
import { TraceSample } from "../../src/eval/report/trace-sample.ts";
import { ArmTally } from "../../src/eval/report/arm-tally.ts";
import { figuresOf, outcomeOf, measuredOf, rowsDigest } from "../../src/eval/row.ts";
import { ARMS, row, sampleRows, summaryOf, writeRun } from "./runs.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-report-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);
const words = (notes: readonly { readonly level: string; readonly text: string }[], level: string): string =>
  notes
    .filter((note) => note.level === level)
    .map(({ text }) => text)
    .join("\n");

describe("one run", () => {
  test("figures are those of the rows", async () => {
    const rows = sampleRows(40);
    await writeRun(at("one"), rows);
    const { document, reader } = await buildReport([at("one")]);
    const learned = document.arms.find(({ label }) => label === "learned");
    const own = rows.filter(({ arm }) => arm === "learned");
    expect(learned?.accuracy.value).toBe(own.filter(({ correct }) => correct).length / 40);
    expect(learned?.share).toMatchObject({ value: 0.05, ci95: [0.05, 0.05] });
    const meanMs = own.reduce((sum, { wallMs }) => sum + wallMs, 0) / 40;
    expect(learned?.wallMs?.value).toBeCloseTo(meanMs, 9);
    expect(learned?.wallMs?.ci95?.[0]).toBeLessThan(meanMs);
    expect(learned?.spans).toMatchObject({
      author: "big",
      count: 40,
      tracesWith: 40,
      length: { median: 2, max: 2 },
    });
    // Two of forty tokens are in spans, wherever they are.
    expect((learned?.spans?.position ?? []).reduce((sum, share) => sum + share, 0) / 20).toBeCloseTo(0.05, 9);
    expect(document.arms.filter(({ spans }) => spans !== undefined).map(({ label }) => label)).toEqual([
      "learned",
      "random~learned",
    ]);
    expect(document.fronts.share?.map((place) => document.arms[place]?.label)).toContain("learned");
    expect(document.fronts.share?.map((place) => document.arms[place]?.label)).not.toContain(
      "random~learned",
    );
    expect(document.absent.costUsd).toContain("neither prices nor sizes");
    expect(reader.problems).toHaveLength(40);
    expect(reader.leftOut).toEqual([]);
    expect(reader.problems[0]?.traces.map(({ arm }) => arm)).toEqual([0, 1, 2, 3, 4]);
    expect(words(document.notes, "warning")).toBe("");
    const digest = createHash("sha256")
      .update(readFileSync(join(at("one"), "rows.jsonl")))
      .digest("hex");
    expect(document.runs[0]?.rows).toMatchObject({ read: 200, faults: 0, fileSha256: digest });
  });

  test("where in the trace a span falls, by hand", () => {
    const tally = new ArmTally();
    tally.add(row(), 0);
    const [arm] = summaryOf([row()]).arms;
    if (arm === undefined) throw new Error("no arm");
    const { spans } = tally.finish(arm, { label: "learned", run: 0 });
    // Tokens 16 to 20 of 40: the twentieths 8 and 9, of two tokens each.
    expect(spans?.position).toEqual(Array.from({ length: 20 }, (_, bin) => (bin === 8 || bin === 9 ? 1 : 0)));
    expect(spans?.length).toMatchObject({ count: 1, mean: 4 });
  });

  test("speed and drafts, by hand", async () => {
    const work = { prefilled: 9, scored: 2, decoded: 40, calls: 9, discarded: 30 };
    const rows = [100, 300].map((wallMs, problem) =>
      row({
        arm: "speculative",
        problemId: `p${problem}`,
        wallMs,
        work: { small: { ...work, drafted: 20, accepted: 10 + 5 * problem }, big: work },
      }),
    );
    const summary = summaryOf(rows);
    const arms = summary.arms.map((arm) => ({
      ...arm,
      work: { small: { ...work, drafted: 40, accepted: 25 }, big: work },
    }));
    await writeRun(at("drafts"), rows, { summary: { ...summary, arms } });
    const { document } = await buildReport([at("drafts")]);
    // 40 tokens in .1 s, and 40 in .3 s.
    expect(document.arms[0]?.tokensPerSecond?.value).toBeCloseTo(200, 9);
    expect(document.arms[0]?.draftsTaken).toBe(0.625);
    const columns = armColumns(document);
    expect(columns.find(({ title }) => title === "drafts taken")?.cell(document.arms[0]!)).toBe("62.5%");
    expect(columns.find(({ title }) => title === "tokens/s")?.cell(document.arms[0]!)).toBe("200");
  });

  test("times and work that are kept apart are joined", async () => {
    const rows = sampleRows(10);
    await writeRun(at("joined"), rows);
    await writeRun(at("apart"), rows);
    await writeFile(
      join(at("apart"), "rows.jsonl"),
      rows.map((each) => `${JSON.stringify(outcomeOf(each))}\n`).join(""),
    );
    const measured = rows.map((each) => `${JSON.stringify(measuredOf(each))}\n`);
    await writeFile(join(at("apart"), "measured.jsonl"), measured.join(""));
    const [joined, apart] = await Promise.all(["joined", "apart"].map((name) => buildReport([at(name)])));
    expect(apart?.document.arms).toEqual(joined?.document.arms);
    // Another run's: not used.
    await writeFile(join(at("apart"), "measured.jsonl"), measured.toReversed().join(""));
    const { document } = await buildReport([at("apart")]);
    expect(document.arms.every(({ wallMs }) => wallMs === undefined)).toBe(true);
    expect(document.absent.wallMs).toBe("The rows have no times.");
  });

  test("lines that cannot be used are counted and told", async () => {
    const rows = sampleRows(5);
    const bad = row({ problemId: "p1" });
    await writeRun(at("broken"), rows, {
      lines: [
        '{"problemId": "p0", "arm": "learned", "wallMs": NaN}',
        JSON.stringify(row()).slice(0, 80),
        JSON.stringify({ ...bad, wallMs: -5 }),
        JSON.stringify({ ...bad, usage: { ...bad.usage, bigTokens: 1 } }).replace(
          '"bigTokens":1',
          '"bigTokens":1e999',
        ),
        JSON.stringify({ ...bad, problemId: "x".repeat(2000) }),
        JSON.stringify({ ...bad, arm: "of another run" }),
        "[]",
      ],
    });
    const { document } = await buildReport([at("broken")]);
    expect(document.runs[0]?.rows).toMatchObject({
      read: 25,
      faults: 6,
      firstFault: "line 26: not valid JSON",
    });
    const warnings = words(document.notes, "warning");
    expect(warnings).toContain("6 lines of rows.jsonl cannot be used");
    expect(warnings).toContain("1 rows belong to arms that summary.json does not have");
    expect(warnings).not.toContain("do not agree");
  });

  test("rows that are not those of the summary are told", async () => {
    const rows = sampleRows(6);
    const summary = { ...summaryOf(rows), rowsDigest: rowsDigest(rows.map(figuresOf)) };
    await writeRun(at("same"), rows, { summary });
    expect(words((await buildReport([at("same")])).document.notes, "warning")).toBe("");
    // A text changed: no figure differs, the digest does.
    await writeRun(
      at("changed"),
      [{ ...sampleRows(6)[0], text: "other" } as (typeof rows)[number], ...rows.slice(1)],
      { summary },
    );
    expect(words((await buildReport([at("changed")])).document.notes, "warning")).toContain("digests differ");
    await writeRun(at("fewer"), rows.slice(0, -1), { summary });
    expect(words((await buildReport([at("fewer")])).document.notes, "warning")).toContain(
      "do not agree on big: of big there are 5 rows",
    );
  });

  test("failures, lost models and cut texts are told", async () => {
    const rows = sampleRows(4);
    const summary = summaryOf(rows);
    const [first, ...others] = summary.arms;
    if (first === undefined) throw new Error("no arm");
    await writeRun(at("failed"), rows, {
      summary: {
        ...summary,
        arms: [
          {
            ...first,
            failed: 2,
            firstError: "engine-failed: <b>gone</b>",
            degraded: 1,
            finishReasons: { length: 3, error: 1 },
          },
          ...others,
        ],
      },
    });
    const warnings = words((await buildReport([at("failed")])).document.notes, "warning");
    expect(warnings).toContain(
      "2 of 4 samples failed and count as wrong; the first: engine-failed: <b>gone</b>",
    );
    expect(warnings).toContain("in 1 of 4 samples the big model was lost");
    expect(warnings).toContain("3 of 4 samples were cut off at the limit of tokens");
  });

  test("what is no finished run is refused, with what to do", async () => {
    await expect(buildReport([at("nowhere")])).rejects.toThrow(/is not the folder of a run.*--out/u);
    await mkdir(at("unfinished"));
    await writeFile(join(at("unfinished"), "run.json"), "{}");
    await expect(buildReport([at("unfinished")])).rejects.toThrow("has not ended");
    await writeRun(at("odd"), sampleRows(1), { summary: { arms: [] } });
    await expect(buildReport([at("odd")])).rejects.toThrow(/evaluation summary .*summary\.json, field task/u);
    const summary = summaryOf(sampleRows(1));
    const [arm] = summary.arms;
    await writeRun(at("many"), [], {
      summary: {
        ...summary,
        arms: Array.from({ length: 101 }, (_, index) => ({ ...arm, name: `a${index}` })),
      },
    });
    await expect(buildReport([at("many")])).rejects.toThrow("101 arms");
    await expect(buildReport([at("one"), at("one")])).rejects.toThrow(
      "have the same names: give each folder once",
    );
  });
});

describe("several runs", () => {
  test("arms have their run's name, and the same problems are paired", async () => {
    const better = ARMS.map((arm) => (arm.name === "learned" ? { ...arm, right: 0.3 } : arm));
    await writeRun(at("a/x"), sampleRows(50));
    await writeRun(at("b/x"), sampleRows(50, better, 1, 2));
    const { document, reader } = await buildReport([at("a/x"), at("b/x")]);
    expect(document.runs.map(({ name }) => name)).toEqual(["a/x", "b/x"]);
    expect(document.arms[2]?.label).toBe("a/x/learned");
    const across = document.comparisons.filter(({ kind }) => kind === "runs");
    expect(across).toHaveLength(ARMS.length);
    const learned = across.find(({ first }) => first === "b/x/learned");
    const rightOf = (label: string) => document.arms.find((arm) => arm.label === label)?.accuracy.value ?? 0;
    expect(learned?.difference).toBeCloseTo(rightOf("b/x/learned") - rightOf("a/x/learned"), 9);
    expect(learned?.ci95[1]).toBeLessThan(0);
    expect(reader.problems[0]?.traces).toHaveLength(2 * ARMS.length);
    const named = await buildReport([at("a/x"), at("b/x")], { names: ["before", "after"] });
    expect(named.document.arms[0]?.label).toBe("before/small");
    await expect(buildReport([at("a/x"), at("b/x")], { names: ["one"] })).rejects.toThrow("--names one");
  });

  test("other problems are not paired, other tasks not compared, and it says so", async () => {
    await writeRun(
      at("c"),
      sampleRows(10).map((each) => ({ ...each, gold: "other" })),
    );
    const { document } = await buildReport([at("one"), at("c")]);
    expect(document.comparisons).toEqual([]);
    expect(words(document.notes, "note")).toContain("one and c are of different problems");
    const rows = sampleRows(10);
    await writeRun(at("d"), rows, {
      summary: summaryOf(rows, { task: { name: "gsm8k", version: "1", problems: 10 } }),
    });
    const other = await buildReport([at("one"), at("d")]);
    expect(words(other.document.notes, "warning")).toContain("different tasks (micro 1, gsm8k 1)");
    expect(other.document.fronts.share).toEqual([]);
  });
});

describe("bounds", () => {
  test("the reader says what it leaves out", async () => {
    const rows = sampleRows(30, ARMS, 6);
    const long = "word ".repeat(100_000);
    await writeRun(at("bounded"), [
      ...rows,
      row({
        problemId: "p0",
        problem: rows[0]?.problem ?? "",
        gold: rows[0]?.gold ?? "",
        sample: 3,
        segments: [
          { author: "small", text: `BEGIN ${long}`, tokens: 9, reason: "start" },
          { author: "big", text: `${long} END`, tokens: 9, reason: "open-tag" },
        ],
      }),
    ]);
    const { reader } = await buildReport([at("bounded")], { traces: { problems: 30 } });
    expect(reader.leftOut.join(" ")).toContain("the first 4 samples");
    expect(reader.leftOut.join(" ")).toContain("1 trace is longer than 200,000 characters");
    const cut = reader.problems
      .flatMap(({ traces }) => traces)
      .find(({ segments }) => segments.some((part) => part.cut));
    const [head, tail] = cut?.segments ?? [];
    expect(head?.text.startsWith("BEGIN")).toBe(true);
    expect(tail?.text.endsWith("END")).toBe(true);
    expect((head?.text.length ?? 0) + (tail?.text.length ?? 0) + (head?.cut ?? 0)).toBe(2 * long.length + 10);
    const fewer = await buildReport([at("bounded")], { traces: { problems: 7 } });
    expect(fewer.reader.problems).toHaveLength(7);
    expect(fewer.reader.leftOut[0]).toBe("7 of 30 problems are here, drawn at random.");
    const small = await buildReport([at("bounded")], { traces: { problems: 30, units: 50_000 } });
    expect(small.reader.leftOut[0]).toMatch(
      /^\d+ of 30 problems are here, drawn at random \(a page holds at most 50,000 characters\)/u,
    );
  });

  // By hand, with REPORT_ROWS=1000000: a million rows.
  const ROWS = Number(process.env["REPORT_ROWS"] ?? 20_000);
  test(`${ROWS} rows in little memory`, { timeout: 600_000 }, async () => {
    const line = JSON.stringify(row({ text: "x".repeat(500) })).split('"p0"');
    async function* chunks() {
      for (let from = 0; from < ROWS; from += 1000) {
        let text = "";
        for (let id = from; id < Math.min(ROWS, from + 1000); id++) text += `${line[0]}"p${id}"${line[1]}\n`;
        yield Buffer.from(text);
      }
    }
    const tally = new ArmTally();
    const traces = new TraceSample({}, 1);
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    let read = 0;
    for await (const each of rowsIn(chunks())) {
      if ("fault" in each) throw new Error(each.fault);
      tally.add(each.row, read);
      traces.add(each.row.problemId, "micro", each.row, 0);
      read += 1;
    }
    expect(read).toBe(ROWS);
    const reader = traces.reader();
    expect(reader.problems).toHaveLength(100);
    expect(reader.leftOut).toEqual([
      `100 of ${ROWS.toLocaleString("en-US")} problems are here, drawn at random.`,
    ]);
    // Texts alone are more than 800 bytes a row; only some figures for each problem are kept, and garbage.
    const grown = process.memoryUsage().heapUsed - before;
    console.log(`${ROWS} rows: the heap grew by ${(grown / 1e6).toFixed(0)} MB`);
    expect(grown).toBeLessThan(200e6 + 400 * ROWS);
  });
});
