/** `data annotate --annotator llm` as users start it, against an endpoint with the faults of real ones. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { toJsonLines } from "../../../src/core/json-lines.ts";
import { createRng } from "../../../src/core/rng.ts";
import { type TraceRow, traceRowSchema } from "../../../src/formats/trace-row.ts";
import { parseTagged, wrapSpans } from "../../../src/tags/index.ts";
import { type CliResult, runCliProcess } from "../../support/cli.ts";
import { AnnotatingServer, type ServerOptions, TROUBLES } from "./annotating-server.ts";
import { type VoicedTrace, voicedTraces } from "./re-voiced.ts";

const ROWS = 44;
const folder = mkdtempSync(join(tmpdir(), "splitreason-annotate-"));
const input = join(folder, "traces.jsonl");
let traces: readonly VoicedTrace[] = [];

beforeAll(() => {
  traces = voicedTraces(ROWS, createRng(5));
  writeFileSync(input, toJsonLines(traces.map(({ row }) => row)));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Run {
  readonly result: CliResult;
  readonly server: AnnotatingServer;
  readonly out: string;
}

async function annotated(name: string, options: ServerOptions, ...flags: string[]): Promise<Run> {
  const server = new AnnotatingServer(traces, options);
  const out = join(folder, `${name}.jsonl`);
  try {
    const endpoint = await server.listen();
    const result = await againAt(endpoint, out, ...flags);
    return { result, server, out };
  } finally {
    await server.close();
  }
}

const againAt = (endpoint: string, out: string, ...flags: string[]): Promise<CliResult> =>
  runCliProcess(
    [
      "data",
      "annotate",
      input,
      "--annotator",
      "llm",
      "--endpoint",
      endpoint,
      "--out",
      out,
      "--timeout",
      "2",
      "--json",
      ...flags,
    ],
    { environment: { ANNOTATOR_KEY: "sk-annotator-key-0123456789" } },
  );

const rowsOf = (path: string): TraceRow[] =>
  readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => traceRowSchema.parse(JSON.parse(line)));

describe("with faults", { timeout: 180_000 }, () => {
  let run: Run;
  beforeAll(async () => {
    run = await annotated(
      "faults",
      {},
      "--key-env",
      "ANNOTATOR_KEY",
      "--price-prompt",
      "1",
      "--price-answer",
      "2",
    );
  }, 180_000);

  it("accounts for every row, and says why rows failed", () => {
    expect(run.result.status).toBe(0);
    const hopeless = traces.filter(({ row }) => run.server.troubleOf(row.id) === "hopeless").length;
    const document = JSON.parse(run.result.out);
    expect(document).toMatchObject({
      status: "done",
      rows: ROWS,
      annotated: ROWS - hopeless,
      failed: hopeless,
      dropped: 0,
      pending: 0,
      unanswered: 0,
      failures: { "not-located": hopeless },
      format: "schema",
    });
    const failed = rowsOf(`${run.out}.failed.jsonl`);
    expect(failed).toHaveLength(hopeless);
    for (const row of failed) expect(row.error).toMatch(/^not-located: none of 4 snippets/u);
  });

  it("met every fault and asked again where that helps", () => {
    const { requestTroubles } = JSON.parse(run.result.out);
    const each = ROWS / TROUBLES.length;
    expect(requestTroubles).toEqual({
      "rate-limit": each,
      "server-error": each,
      timeout: each,
      connection: each,
      malformed: each,
    });
    const temperatures = (trouble: string): number[][] =>
      traces
        .filter(({ row }) => run.server.troubleOf(row.id) === trouble)
        .map(({ row }) =>
          run.server.log.filter(({ id }) => id === row.id).map(({ temperature }) => temperature),
        );
    for (const asked of temperatures("truncated")) expect(asked).toEqual([0, 0.3]);
    for (const asked of temperatures("absent-first")) expect(asked).toEqual([0, 0.3]);
    for (const asked of temperatures("hopeless")) expect(asked).toEqual([0, 0.3, 0.6]);
    for (const asked of temperatures("server-error")) expect(asked.slice(0, 2)).toEqual([0, 0]);
  });

  it("counts what the server says it cost, and shows no key", () => {
    const answered = run.server.log.filter(({ answeredMs }) => answeredMs !== undefined).length;
    const { usage } = JSON.parse(run.result.out);
    // A request that ran out of time counts with the length of its prompt.
    expect(usage.promptTokens).toBeGreaterThan(1000 * answered);
    expect(usage.completionTokens).toBe(100 * answered);
    expect(usage.costUsd).toBeCloseTo((usage.promptTokens + 2 * usage.completionTokens) / 1e6, 12);
    expect(run.server.log[0]?.authorization).toBe("Bearer sk-annotator-key-0123456789");
    const journal = readFileSync(`${run.out}.journal.jsonl`, "utf8");
    expect(`${journal}${run.result.out}${run.result.log}`).not.toContain("sk-annotator");
  });

  it("leaves traces as they were, rows in their order, spans apart and within the thoughts", () => {
    const rows = rowsOf(run.out);
    const kept = traces.filter(({ row }) => run.server.troubleOf(row.id) !== "hopeless");
    expect(rows.map(({ id, trace }) => ({ id, trace }))).toEqual(
      kept.map(({ row: { id, trace } }) => ({ id, trace })),
    );
    for (const { trace, spans = [] } of rows) {
      expect(spans.length).toBeGreaterThan(0);
      const tagged = parseTagged(wrapSpans(trace, spans));
      expect(tagged.faults).toEqual([]);
      expect(tagged.plain).toBe(trace);
      spans.forEach(({ start }, index) => expect(start).toBeGreaterThan((spans[index - 1]?.end ?? -11) + 10));
      expect(spans.at(-1)?.end).toBeLessThanOrEqual(trace.indexOf("</think>"));
    }
  });

  it("places spans where the quotations come from", () => {
    let [edges, right, wanted, covered] = [0, 0, 0, 0];
    for (const { id, trace, spans = [] } of rowsOf(run.out)) {
      const { parts } = traces.find(({ row }) => row.id === id) as VoicedTrace;
      for (const span of spans) {
        edges += 2;
        right +=
          Number(parts.some(({ start }) => start === span.start)) +
          Number(parts.some(({ end }) => end === span.end));
      }
      const trouble = run.server.troubleOf(id);
      const temperature = trouble === "truncated" || trouble === "absent-first" ? 0.3 : 0;
      for (const { truth } of run.server.quotations(id, temperature)) {
        if (truth === undefined) continue;
        wanted++;
        const { start, end } = truth.quoted;
        // The same passage elsewhere is as good.
        const passage = trace.slice(start, end);
        covered += Number(spans.some((span) => trace.slice(span.start, span.end).includes(passage)));
      }
    }
    expect(wanted).toBeGreaterThan(120);
    expect(right / edges).toBeGreaterThan(0.95);
    expect(covered / wanted).toBeGreaterThan(0.95);
  });

  it("a second call asks for nothing and gives the same file; failed rows can be asked for alone", async () => {
    const before = readFileSync(run.out);
    const server = new AnnotatingServer(traces, { troubles: ["none"] });
    try {
      const endpoint = await server.listen();
      expect((await againAt(endpoint, run.out)).status).toBe(0);
      expect(server.log).toHaveLength(0);
      expect(readFileSync(run.out).equals(before)).toBe(true);

      const retried = await againAt(endpoint, run.out, "--retry-failed");
      expect(JSON.parse(retried.out)).toMatchObject({ annotated: ROWS, failed: 0, failures: {} });
      const hopeless = traces
        .filter(({ row }) => run.server.troubleOf(row.id) === "hopeless")
        .map(({ row }) => row.id);
      expect(new Set(server.log.map(({ id }) => id))).toEqual(new Set(hopeless));
      expect(existsSync(`${run.out}.failed.jsonl`)).toBe(false);
      expect(rowsOf(run.out).map(({ id }) => id)).toEqual(traces.map(({ row }) => row.id));
    } finally {
      await server.close();
    }
  });
});

describe("limits", { timeout: 120_000 }, () => {
  it("falls back to marks once where a schema is refused", async () => {
    const { result, server } = await annotated("marks", {
      schema: false,
      troubles: ["none", "chatty", "truncated"],
    });
    expect(JSON.parse(result.out)).toMatchObject({ status: "done", annotated: ROWS, format: "marks" });
    expect(server.log.filter(({ withSchema }) => withSchema)).toHaveLength(1);
  });

  it("stops cleanly at a budget, and continues with a larger one without paying twice", async () => {
    const server = new AnnotatingServer(traces, { troubles: ["none"] });
    const out = join(folder, "budget.jsonl");
    try {
      const endpoint = await server.listen();
      const first = await againAt(
        endpoint,
        out,
        "--budget-usd",
        "0.02",
        "--price-prompt",
        "1",
        "--price-answer",
        "2",
      );
      expect(first.status).toBe(1);
      expect(first.log).toMatch(/the budget is spent with \d+ rows left; a larger budget continues/u);
      const document = JSON.parse(first.out);
      expect(document.status).toBe("out-of-budget");
      expect(document.usage.costUsd).toBeLessThanOrEqual(0.02);
      expect(document.annotated).toBeGreaterThan(5);
      expect(document.annotated + document.pending).toBe(ROWS);
      const second = await againAt(endpoint, out, "--budget-tokens", "1000000");
      expect(JSON.parse(second.out)).toMatchObject({ status: "done", annotated: ROWS, pending: 0 });
      expect(server.log).toHaveLength(ROWS + repeats(server));
      expect(repeats(server)).toBe(server.log.filter(({ temperature }) => temperature > 0).length);
    } finally {
      await server.close();
    }
  });

  it("says what is wrong, with the status that scripts look at", async () => {
    const away = await againAt("http://127.0.0.1:9/v1#x", join(folder, "away.jsonl"), "--tries", "1");
    expect(away.status).toBe(1);
    expect(away.log).toMatch(/no answer for 3 consecutive rows/u);
    const noModel = await againAt("http://127.0.0.1:9/v1", join(folder, "none.jsonl"));
    expect(noModel).toMatchObject({ status: 2, out: "" });
    const unpriced = await againAt(
      "http://127.0.0.1:9/v1#x",
      join(folder, "none.jsonl"),
      "--budget-usd",
      "1",
    );
    expect(unpriced.status).toBe(2);
    const other = await annotated("identity", { troubles: ["none"] });
    const changed = await againAt("http://127.0.0.1:9/v1#x", other.out, "--share", "0.3");
    expect(changed.status).toBe(2);
    expect(changed.log).toMatch(/belongs to an annotation with other settings/u);
  });
});

const repeats = ({ log }: AnnotatingServer): number => log.length - new Set(log.map(({ id }) => id)).size;
