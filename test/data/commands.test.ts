/** The data commands as people call them: exit statuses, documents, what is said when something is wrong. */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { callCli } from "../support/terminal.ts";
import { sampleTraces } from "./sample-traces.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "data-commands-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const file = async (name: string, rows: readonly unknown[]): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return path;
};

describe("data check", () => {
  test("0 when fit, 1 when not, 2 for a wrong call", async () => {
    const { truth } = sampleTraces(20, 1);
    const good = await file("good.jsonl", truth);
    const fit = await callCli(["data", "check", good]);
    expect(fit).toMatchObject({ status: 0, log: "" });
    expect(fit.out).toContain("20 rows, 20 with spans");
    expect(fit.out).toContain("answers: 20 right, 0 wrong, 0 not verified");
    expect(fit.out).toContain("fit for training");

    const [first, second, ...rest] = truth;
    const bad = await file("bad.jsonl", [
      { ...first, answer: "1001" },
      { ...second, trace: `${second?.trace}<bigmodel>`, spans: undefined },
      ...rest,
      first,
    ]);
    const unfit = await callCli(["data", "check", bad, "--source", good, "--json"]);
    expect(unfit.status).toBe(1);
    expect(unfit.log).toMatch(
      /bad\.jsonl is not fit for training: unclosed-open 1, duplicate-id 1, duplicate-trace 1, answer-wrong 1\. /u,
    );
    const document = JSON.parse(unfit.out) as { fit: boolean; findings: { kind: string; ids: string[] }[] };
    expect(document.fit).toBe(false);
    expect(document.findings.find(({ kind }) => kind === "unclosed-open")?.ids).toEqual([second?.id]);
    const table = await callCli(["data", "check", bad]);
    expect(table.out).toContain(`${second?.id}`);

    expect((await callCli(["data", "check", good, "--max-share", "2"])).status).toBe(2);
    expect((await callCli(["data", "check"])).status).toBe(2);
    expect(await callCli(["data", "check", join(folder, "none.jsonl")])).toMatchObject({
      status: 1,
      out: "",
    });
  });

  test("a lost row, a changed letter and a foreign row are seen against the source", async () => {
    const { truth } = sampleTraces(5, 2);
    const source = await file(
      "source.jsonl",
      truth.map(({ spans: _spans, annotator: _annotator, ...row }) => row),
    );
    const [a, b, , ...rest] = truth;
    const made = await file("made.jsonl", [
      a,
      { ...b, trace: `${b?.trace} ` },
      { ...a, id: "foreign", problem: "another" },
      ...rest,
    ]);
    const { status, out } = await callCli(["data", "check", made, "--source", source, "--json"]);
    expect(status).toBe(1);
    const { findings } = JSON.parse(out) as { findings: { kind: string; ids: string[] }[] };
    expect(findings.map(({ kind, ids }) => [kind, ids])).toEqual([
      ["text-changed", [b?.id]],
      ["not-in-source", ["foreign"]],
      ["missing-row", [truth[2]?.id]],
    ]);
  });
});

describe("data stats", () => {
  test("the table and the document tell the same", async () => {
    const { truth, gap } = sampleTraces(30, 3);
    const paths = [await file("truth.jsonl", truth), await file("gap.jsonl", gap)];
    const json = await callCli(["data", "stats", ...paths, "--json"]);
    const document = JSON.parse(json.out) as {
      overall: { rows: number };
      agreement: { f1: number; rows: number }[];
    };
    expect(document).toMatchObject({
      overall: { rows: 60 },
      agreement: [{ rows: 30, first: "truth", second: "gap" }],
    });
    const { out } = await callCli(["data", "stats", ...paths]);
    expect(out).toContain("60 traces");
    expect(out).toContain((document.agreement[0]?.f1 ?? 0).toFixed(3));
    expect(out.split("\n").find((line) => line.startsWith("source"))).toBeDefined();
  });

  test("with a model's own tokens", async () => {
    const path = await file("own.jsonl", sampleTraces(4, 4).truth);
    const { out } = await callCli(["data", "stats", path, "--tokenizer", "models/micro/small", "--json"]);
    const words = JSON.parse((await callCli(["data", "stats", path, "--json"])).out) as {
      overall: { tokens: number };
    };
    const own = JSON.parse(out) as { tokenizer: string; overall: { tokens: number } };
    expect(own.tokenizer).toBe("tokens of models/micro/small");
    expect(own.overall.tokens).not.toBe(words.overall.tokens);
  });

  test("names from the data do not steer the terminal", async () => {
    const [row] = sampleTraces(1, 5).truth;
    const path = await file("evil.jsonl", [
      { ...row, source: "\u001b[2J" },
      { ...row, id: "2", source: "\u202eb" },
    ]);
    const { out } = await callCli(["data", "stats", path]);
    for (const hidden of ["\u001b", "\u202e"]) expect(out).not.toContain(hidden);
    expect(out).toContain("\\x1b[2J");
  });
});

describe("data convert", () => {
  test("leaves nothing half-written when it is stopped or fails", async () => {
    const path = await file("broken.jsonl", [...sampleTraces(3, 6).truth, { id: 1 }]);
    const out = join(folder, "whole.parquet");
    const told = await callCli(["data", "convert", path, "--out", out, "--json"]);
    expect(JSON.parse(told.out)).toMatchObject({ rows: 3, skipped: { invalid: 1 } });
    expect(told.log).toMatch(/1 records gave no row \(invalid\); the first: .*broken\.jsonl:4/u);
    const stop = new AbortController();
    stop.abort(new Error("stopped"));
    const stopped = await callCli(["data", "convert", path, "--out", join(folder, "never.jsonl")], {
      signal: stop.signal,
    });
    expect(stopped.status).not.toBe(0);
    expect((await readdir(folder)).filter((name) => name.startsWith("never"))).toEqual([]);
    expect((await callCli(["data", "convert", path, "--out", join(folder, "x.csv")])).status).toBe(2);
  });
});

test("data bench measures what it says, and leaves nothing behind", async () => {
  const leftovers = async () =>
    (await readdir(tmpdir())).filter((name) => name.startsWith("splitreason-bench-"));
  const before = await leftovers();
  const { status, out } = await callCli(["data", "bench", "--rows", "40,10", "--tokens", "200", "--json"]);
  expect(status).toBe(0);
  const { sizes } = JSON.parse(out) as {
    sizes: { rows: number; stages: { rows: number; rowsPerSecond: number }[] }[];
  };
  expect(
    sizes.map(({ rows, stages }) => [
      rows,
      stages.length,
      stages.every((stage) => stage.rows === rows && stage.rowsPerSecond > 0),
    ]),
  ).toEqual([
    [10, 6, true],
    [40, 6, true],
  ]);
  expect(await leftovers()).toEqual(before);
});

test("every command explains itself with examples", async () => {
  for (const command of ["convert", "annotate", "check", "stats", "export", "push", "bench"]) {
    const { status, out } = await callCli(["data", command, "--help"]);
    expect(status).toBe(0);
    expect(out, command).toContain(`splitreason data ${command}`);
    expect(out, command).toContain("Example");
  }
});
