/** `data rollouts` as people call it, with the pair that ships: what becomes a row, budgets, kills, wrong calls. */
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

import { type TraceRow, traceRowSchema } from "../../src/formats/trace-row.ts";
import { microExample, splitOf, generateProblem, UNSEEN_SEED } from "../../src/micro/index.ts";
import { microTask } from "../../src/eval/tasks/micro.ts";
import { runCliProcess } from "../support/cli.ts";
import { callCli } from "../support/terminal.ts";

// Models at work: a busy machine needs minutes.
vi.setConfig({ testTimeout: 300_000 });

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rollouts-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const PAIR = ["--small", "micro:small-base", "--threads", "1", "--json"];
const REWRITE = ["--policy", "rewrite:step=sentence"];
const call = (name: string, ...flags: readonly string[]): string[] => [
  "data",
  "rollouts",
  "micro",
  "--out",
  join(folder, name),
  ...PAIR,
  ...flags,
];

async function rowsIn(name: string): Promise<TraceRow[]> {
  const text = await readFile(join(folder, name), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => traceRowSchema.parse(JSON.parse(line)));
}

const rightAnswer = (row: TraceRow): boolean =>
  microTask.grade(row.trace, { id: "", problem: row.problem, gold: row.answer ?? "" }).correct;

describe("rows", () => {
  test("are right traces of training problems, spans around whole words that the big model began in", async () => {
    const flags = [...REWRITE, "--problems", "4", "--samples", "2", "--concurrency", "4"];
    const { status, out } = await callCli(call("rows.jsonl", ...flags));
    expect(status).toBe(0);
    const summary = JSON.parse(out);
    const rows = await rowsIn("rows.jsonl");
    expect(summary).toMatchObject({
      status: "done",
      problems: 4,
      samples: 8,
      wanted: 8,
      rows: rows.length,
    });
    expect(summary.tokensPerSecond).toBeGreaterThan(0);
    // Tokens of the micro pair come out of its own vocabulary again, with tags between them.
    expect(summary.tokens).toEqual({ same: rows.length, other: 0, unknown: 0 });
    expect(rows.length).toBeGreaterThan(4);
    const spans = rows.flatMap(({ trace, spans: marked = [] }) =>
      marked.map(({ start, end }) => trace.slice(start, end)),
    );
    expect(spans.length).toBe(summary.spans);
    expect(spans.length).toBeGreaterThan(4);
    for (const span of spans) expect(span).toMatch(/^\s*\S/u);
    expect(rows.every((row) => row.correct === true && rightAnswer(row))).toBe(true);
    const [first] = rows;
    expect(first?.problem).toBe(microExample("train", 1 + UNSEEN_SEED, 0).text);
    expect(splitOf(generateProblem("train", 1 + UNSEEN_SEED, 0))).toBe("train");
    expect(first?.rollout).toMatchObject({
      small: "micro:small-base",
      big: "micro:big",
      policy: "rewrite:step=sentence",
      grain: "word",
      temperature: 0.6,
      sameTokens: true,
      configHash: summary.configHash,
    });

    // They are fit for training by the project's own check, and in parquet too.
    expect((await callCli(["data", "check", join(folder, "rows.jsonl")])).status).toBe(0);

    // Other rows come from the same samples: no model writes anything.
    const journal = await readFile(join(folder, "rows.jsonl.journal.jsonl"), "utf8");
    const again = await callCli(call("rows.jsonl", ...flags, "--grain", "sentence", "--keep", "1"));
    expect(JSON.parse(again.out)).not.toHaveProperty("tokensPerSecond");
    const fewer = await rowsIn("rows.jsonl");
    expect(fewer.length).toBeLessThanOrEqual(4);
    expect(
      fewer.some(({ trace, spans: [span] = [] }) =>
        / times .* is /u.test(trace.slice(span?.start, span?.end)),
      ),
    ).toBe(true);
    const facts = (text: string): string[] => text.split("\n").filter((line) => line.includes('"fact"'));
    expect(facts(await readFile(join(folder, "rows.jsonl.journal.jsonl"), "utf8"))).toEqual(facts(journal));
  });

  test("wrong answers are dropped", async () => {
    // Nothing is improbable enough to be written again: the small model alone is mostly wrong.
    const flags = ["--policy", "rewrite:step=sentence:threshold=0", "--problems", "12", "--samples", "1"];
    const { status, out } = await callCli(call("wrong.jsonl", ...flags));
    expect(status).toBe(0);
    const summary = JSON.parse(out);
    expect(summary.rejected.wrong).toBeGreaterThan(3);
    expect(summary.rejected.wrong + summary.rows + (summary.rejected.unfinished ?? 0)).toBe(12);
    const rows = await rowsIn("wrong.jsonl");
    expect(rows).toHaveLength(summary.right);
    expect(rows.every(rightAnswer)).toBe(true);
    expect(rows.every(({ spans }) => spans?.length === 0)).toBe(true);
    await callCli(call("wrong.jsonl", ...flags, "--no-unaided"));
    expect(await rowsIn("wrong.jsonl")).toEqual([]);
  });
});

describe("a run that ends early", () => {
  const flags = [...REWRITE, "--problems", "8", "--samples", "1", "--concurrency", "1"];

  test("a spent budget ends it with status 1 and whole rows; the same command continues", async () => {
    const whole = await callCli(call("whole.jsonl", ...flags));
    expect(whole.status).toBe(0);
    const cut = await callCli(call("cut.jsonl", ...flags, "--budget-samples", "3"));
    expect(cut.status).toBe(1);
    expect(cut.log).toContain("the budget is spent with 5 samples left");
    expect(JSON.parse(cut.out)).toMatchObject({ status: "out-of-budget", samples: 3, wanted: 8 });
    expect((await rowsIn("cut.jsonl")).length).toBeLessThanOrEqual(3);
    // The tokens of the first call count: one sample more than the budget begins at most.
    const tokens = await callCli(call("cut.jsonl", ...flags, "--budget-tokens", "1"));
    expect(JSON.parse(tokens.out)).toMatchObject({ status: "out-of-budget", samples: 3 });
    const minutes = await callCli(call("cut.jsonl", ...flags, "--budget-minutes", "0.01"));
    expect(JSON.parse(minutes.out).samples).toBeGreaterThan(3);
    const rest = await callCli(call("cut.jsonl", ...flags));
    expect(rest.status).toBe(0);
    expect(rest.log).toContain("continuing: ");
    expect(await readFile(join(folder, "cut.jsonl"), "utf8")).toBe(
      await readFile(join(folder, "whole.jsonl"), "utf8"),
    );
  });

  test("after Ctrl-C and after kills it ends in the same bytes", async () => {
    await callCli(call("calm.jsonl", ...flags));
    const journal = join(folder, "killed.jsonl.journal.jsonl");
    const samplesKept = async (): Promise<number> =>
      existsSync(journal) ? (await readFile(journal, "utf8")).split('"fact"').length - 1 : 0;
    for (const target of [1, 2, 4]) {
      const killed = await runCliProcess(call("killed.jsonl", ...flags), {
        timeoutMs: 280_000,
        poll: async (kill) => {
          if ((await samplesKept()) >= target) kill(target === 2 ? "SIGINT" : "SIGKILL");
        },
      });
      expect(killed.signal === null ? killed.status : killed.signal).not.toBe(0);
      expect(await samplesKept()).toBeGreaterThanOrEqual(target);
      expect(await samplesKept()).toBeLessThan(8);
    }
    const last = await callCli(call("killed.jsonl", ...flags));
    expect(last.status).toBe(0);
    expect(await samplesKept()).toBe(8);
    expect(await readFile(join(folder, "killed.jsonl"), "utf8")).toBe(
      await readFile(join(folder, "calm.jsonl"), "utf8"),
    );
  });
});

describe("wrong calls", () => {
  const refused = async (flags: readonly string[], message: RegExp, status = 2): Promise<void> => {
    const result = await callCli(call("none.jsonl", ...flags));
    expect(result.log).toMatch(message);
    expect(result).toMatchObject({ status, out: "" });
    expect(existsSync(join(folder, "none.jsonl"))).toBe(false);
  };

  test("say what to do instead", async () => {
    await refused(["--policy", "never"], /this policy uses one; take rewrite/u);
    await refused(["--policy", "self"], /this policy uses one; take rewrite/u);
    await refused(["--policy", "rewrit"], /unknown policy "rewrit"/u);
    await refused(["--policy", "rewrite:steps=line"], /steps/u);
    await refused([...REWRITE, "--temperature", "0"], /4 times the same sample/u);
    await refused([...REWRITE, "--min-share", "0.5", "--max-share", "0.2"], /--min-share 0\.5 is above/u);
    await refused([...REWRITE, "--grain", "number"], /--grain/u);
    await refused([...REWRITE, "--bias", "1"], /--bias 1/u);
    await refused([...REWRITE, "--out", "rows.csv"], /\.jsonl or \.parquet/u);
  });

  test("problems of a test split are refused, and a task without training problems", async () => {
    const file = join(folder, "held.jsonl");
    const write = (id: string, problem: string) =>
      writeFile(file, `${JSON.stringify({ id, problem, answer: "2" })}\n`);
    await write("gsm8k-test-4", "What is 1 + 1?");
    const from = (task: string) =>
      callCli(["data", "rollouts", task, "--out", join(folder, "none.jsonl"), ...PAIR, ...REWRITE]);
    const held = await from(`gsm8k:${file}`);
    expect(held.log).toMatch(/"gsm8k-test-4" is one of a test split by its id/u);
    expect(held.status).toBe(1);
    await write("0", "Janet’s ducks lay 16 eggs per day. How many in two days?");
    expect((await from(file)).log).toMatch(/"0" is one of a test split by its text/u);
    const none = await from("aime24");
    expect(none.log).toMatch(/task aime24 needs a file of its problems to train on/u);
    expect(none.status).toBe(2);
  });

  test("a journal of other settings is not continued", async () => {
    const flags = [...REWRITE, "--problems", "1", "--samples", "1"];
    expect((await callCli(call("once.jsonl", ...flags))).status).toBe(0);
    const other = await callCli(call("once.jsonl", ...flags, "--seed", "2"));
    expect(other.status).toBe(2);
    expect(other.log).toContain("once.jsonl.journal.jsonl belongs to an annotation with other settings");
  });
});
