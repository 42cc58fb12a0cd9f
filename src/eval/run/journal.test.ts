import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { fakeSolve, makePlan, runOptions } from "../../../test/support/fake-evaluation.ts";
import { createRng } from "../../core/rng.ts";
import { Journal } from "./journal.ts";
import { figuresOf, type EvaluationRow, type RowFigures, rowsDigest } from "../row.ts";
import { readWholeRows } from "../rows.ts";
import { type EvaluationPlan, runEvaluation, type SampleOutcome, type SampleRequest } from "./runner.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "splitreason-eval-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function wholeRows(from: string): Promise<EvaluationRow[]> {
  const rows: EvaluationRow[] = [];
  for await (const row of readWholeRows(from)) rows.push(row);
  return rows;
}

describe("a run with a journal", () => {
  const header = { configHash: "abc", config: { any: "thing" } };

  /** Runs until `stopAfter` rows, then stops as a kill does: what was written stays, nothing is cleaned up. */
  async function interruptedRun(plan: EvaluationPlan, stopAfter: number): Promise<void> {
    const stop = new AbortController();
    const journal = await Journal.open(folder, header);
    const onRow = (_: EvaluationRow, count: number): void => {
      if (count === stopAfter) stop.abort(new Error("killed"));
    };
    await expect(
      runEvaluation(plan, runOptions({ journal, signal: stop.signal, onRow, concurrency: 1 })),
    ).rejects.toThrow("killed");
    await journal.close();
  }

  it("continues after a kill in the middle of a line and ends as if it had never stopped", async () => {
    const plan = await makePlan("small,learned,random~learned", 30);
    const undisturbed = await runEvaluation(plan, runOptions());

    await interruptedRun(plan, 41);
    await appendFile(join(folder, "rows.partial.jsonl"), '{"problemId":"half a r\u00f6');
    const journal = await Journal.open(folder, header);
    expect(journal.kept).toHaveLength(41);
    let solved = 0;
    const rows = await runEvaluation(
      plan,
      runOptions({
        journal,
        solve: async (request) => {
          solved += 1;
          return fakeSolve(request);
        },
      }),
    );
    await journal.finish(rows, { done: true });
    expect(solved).toBe(90 - 41);
    expect(rows).toEqual(undisturbed);
    expect((await readdir(folder)).sort()).toEqual(["rows.jsonl", "run.json", "summary.json"]);
    expect((await wholeRows(folder)).map(figuresOf)).toEqual(undisturbed);
  });

  it("solves again what was discarded, and nothing else", async () => {
    const plan = await makePlan("small,learned", 6);
    const undisturbed = await runEvaluation(plan, runOptions());
    await interruptedRun(plan, 9);
    const before = await Journal.open(folder, header);
    const ofSmall = before.kept.filter(({ arm }) => arm === "small").length;
    await before.discard(({ arm }) => arm === "small");
    await before.close();
    const journal = await Journal.open(folder, header);
    expect(journal.kept).toHaveLength(9 - ofSmall);
    let solved = 0;
    const solve = async (request: SampleRequest): Promise<SampleOutcome> => {
      solved++;
      return fakeSolve(request);
    };
    const rows = await runEvaluation(plan, runOptions({ journal, solve }));
    // Also what this process has written itself.
    await journal.discard(({ arm }) => arm === "learned");
    await journal.close();
    expect(solved).toBe(12 - 9 + ofSmall);
    expect(rows).toEqual(undisturbed);
    const last = await Journal.open(folder, header);
    expect(last.kept.map(({ arm }) => arm)).toEqual(Array.from({ length: 6 }, () => "small"));
    await last.close();
  });

  it("keeps what was measured apart, so that the same seed gives the same bytes", async () => {
    const plan = await makePlan("small,learned,random~learned", 20);
    const [first, second] = [join(folder, "first"), join(folder, "second")];
    const rng = createRng(1);
    const run = async (to: string, concurrency: number): Promise<readonly RowFigures[]> => {
      const journal = await Journal.open(to, header);
      let nowMs = 0;
      const clock = { nowMs: () => (nowMs += rng.integer(0, 1e3)), isoNow: () => "" };
      const solve = async (request: SampleRequest): Promise<SampleOutcome> => {
        await new Promise((resolve) => setTimeout(resolve, rng.integer(0, 3)));
        const outcome = fakeSolve(request);
        const usage = { ...outcome.usage, discardedTokens: rng.integer(0, 9) };
        return { ...outcome, usage, handoffsMs: [rng.next()], firstTokenMs: rng.next() };
      };
      const rows = await runEvaluation(plan, runOptions({ journal, concurrency, clock, solve }));
      await journal.finish(rows, {}, { apart: true });
      return rows;
    };
    const rows = await run(first, 3);
    const again = await run(second, 7);
    const bytes = await readFile(join(first, "rows.jsonl"), "utf8");
    expect(await readFile(join(second, "rows.jsonl"), "utf8")).toBe(bytes);
    expect(rowsDigest(again)).toBe(rowsDigest(rows));
    expect(again).not.toEqual(rows);
    expect(bytes).not.toMatch(/Ms"|discarded/u);
    // Joined again nothing is missing, and the other form of the file has it all.
    expect((await wholeRows(first)).map(figuresOf)).toEqual(rows);
    await (await Journal.open(first, header)).finish(rows, {});
    expect((await readdir(first)).sort()).toEqual(["rows.jsonl", "run.json", "summary.json"]);
    expect((await wholeRows(first)).map(figuresOf)).toEqual(rows);
    await (await Journal.open(first, header)).finish(rows, {}, { apart: true });
    expect(await readFile(join(first, "rows.jsonl"), "utf8")).toBe(bytes);
    await appendFile(join(second, "rows.jsonl"), bytes.slice(0, bytes.indexOf("\n") + 1));
    await expect(wholeRows(second)).rejects.toThrow("measured.jsonl:61 does not belong to rows.jsonl");
  });

  it("belongs to one process at a time, until that ends or dies", async () => {
    const first = await Journal.open(folder, header);
    await expect(Journal.open(folder, header)).rejects.toThrow(/process \d+ is at work on the same output/u);
    await first.close();
    // What a killed process left: no process has this number.
    await writeFile(join(folder, "run.lock"), String(2 ** 30));
    await (await Journal.open(folder, header)).close();
  });

  it("runs nothing again when everything is there", async () => {
    const plan = await makePlan("learned", 4);
    const first = await Journal.open(folder, header);
    const rows = await runEvaluation(plan, runOptions({ journal: first }));
    await first.finish(rows, {});
    const solve = async (): Promise<SampleOutcome> => {
      throw new Error("must not run");
    };
    const again = await runEvaluation(
      plan,
      runOptions({ journal: await Journal.open(folder, header), solve }),
    );
    expect(again).toEqual(rows);
  });

  it("refuses a folder with another run, with rows of unknown origin, or with broken rows", async () => {
    await interruptedRun(await makePlan("learned", 4), 2);
    await expect(Journal.open(folder, { configHash: "other", config: {} })).rejects.toThrow("other settings");
    await writeFile(
      join(folder, "run.json"),
      JSON.stringify({ configHash: "one", config: { problems: 2, a: 1, b: 1, c: 1, d: 1, e: 1, seed: 1 } }),
    );
    const config = { problems: 3, a: 2, b: 2, c: 2, d: 2, e: 2, seed: 1 };
    await expect(Journal.open(folder, { configHash: "two", config })).rejects.toThrow(
      "other settings (problems 2, now 3; a 1, now 2; b 1, now 2; c 1, now 2; d 1, now 2; and 1 more)",
    );
    await writeFile(join(folder, "run.json"), JSON.stringify(header));
    await appendFile(join(folder, "rows.partial.jsonl"), "{}\n");
    await expect(Journal.open(folder, header)).rejects.toThrow("rows.partial.jsonl:3, field ");
    await rm(join(folder, "run.json"));
    await expect(Journal.open(folder, header)).rejects.toThrow("no run.json");
  });

  it("removes what it made if no row was written", async () => {
    const fresh = join(folder, "fresh");
    const journal = await Journal.open(fresh, header);
    expect(await readdir(fresh)).toEqual(["run.json", "run.lock"]);
    await journal.close();
    expect(await readdir(folder)).toEqual([]);
    // What was there before stays.
    await (await Journal.open(folder, header)).close();
    expect(await readdir(folder)).toEqual([]);
  });

  it("says so when the folder cannot be written", async () => {
    const file = join(folder, "a-file");
    await appendFile(file, "not a folder");
    await expect(Journal.open(join(file, "run"), header)).rejects.toThrow("cannot write to");
    await expect(Journal.open("/proc/nothing/here", header)).rejects.toThrow("cannot write to");
  });
});
