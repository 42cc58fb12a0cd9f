/** Data sets on the hub, as the commands read and write them: against a server on the loopback that speaks the hub's API. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";

import { createRng } from "../../src/core/rng.ts";
import { readTraces } from "../../src/data/readers/read-traces.ts";
import { openRowWriter, writeRows } from "../../src/data/writers/row-writer.ts";
import { TRACE_COLUMNS } from "../../src/data/writers/parquet-schema.ts";
import type { TraceRow } from "../../src/formats/trace-row.ts";
import { type HubServer, startHubServer } from "../support/hub-server.ts";
import { callCli } from "../support/terminal.ts";
import { sampleTraces } from "./sample-traces.ts";

let server: HubServer;
let folder: string;
beforeAll(async () => {
  server = await startHubServer();
  folder = await mkdtemp(join(tmpdir(), "hub-"));
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  server.repositories.clear();
  server.private.clear();
  server.requests.length = 0;
  server.commits.length = 0;
  server.faults.length = 0;
});

const environment = () => ({ HF_ENDPOINT: server.url, HF_TOKEN: server.token });
const call = (...callArguments: string[]) => callCli(callArguments, { environment: environment() });
const lines = (rows: readonly unknown[]): Buffer =>
  Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(""));

async function parquet(rows: readonly TraceRow[]): Promise<Buffer> {
  const path = join(folder, "made.parquet");
  const stream = (async function* () {
    yield* rows;
  })();
  await writeRows(await openRowWriter(path, TRACE_COLUMNS), stream);
  return readFile(path);
}

async function read(spec: string, token?: string): Promise<TraceRow[]> {
  const rows: TraceRow[] = [];
  const hub = { url: server.url, ...(token === undefined ? {} : { token }) };
  for await (const row of readTraces(spec, { hub })) rows.push(row);
  return rows;
}

/** A card as OpenR1-Math-220k has it: configurations and splits by patterns. */
const CARD = `---
license: apache-2.0
configs:
- config_name: all
  data_files:
  - split: default
    path: all/default-*
  - split: extended
    path: all/extended-*
- config_name: default
  data_files:
  - split: train
    path: data/train-*
---
# Words
`;

describe("reading", () => {
  test("a configuration and a split, by the card; large files by range from another origin", async () => {
    const { truth: rows, gap } = sampleTraces(40, 1);
    // Each file is larger than the end that is read at first, so that it takes ranges.
    const rng = createRng(1);
    const noise = (): string =>
      Array.from({ length: 60_000 }, () => rng.next().toString(36).slice(2)).join(" ");
    const truth = rows.map((row, index) => (index % 20 === 0 ? { ...row, solution: noise() } : row));
    server.repositories.set(
      "o/r1",
      new Map([
        ["README.md", Buffer.from(CARD)],
        ["all/default-00000-of-00001.parquet", await parquet(gap.slice(0, 3))],
        ["all/extended-00000-of-00001.jsonl", lines(gap.slice(3, 5))],
        ["data/train-00001-of-00002.parquet", await parquet(truth.slice(20))],
        ["data/train-00000-of-00002.parquet", await parquet(truth.slice(0, 20))],
        ["data/notes.txt", Buffer.from("no rows")],
      ]),
    );
    expect(await read("hf:o/r1")).toEqual(truth);
    const fromStore = server.requests.filter(({ host }) => host === "store");
    expect(fromStore.length).toBeGreaterThan(1);
    for (const { range, authorization } of fromStore) {
      expect(range).toMatch(/^bytes=\d+-\d+$/u);
      expect(authorization).toBeUndefined();
    }
    expect(await read("hf:o/r1/all:default")).toEqual(gap.slice(0, 3));
    expect(await read("hf:o/r1@main/all:extended")).toEqual(gap.slice(3, 5));
    await expect(read("hf:o/r1/all")).rejects.toThrow(/name a split of hf:o\/r1\/all: :default, :extended/u);
    await expect(read("hf:o/r1/none")).rejects.toThrow(
      /no configuration of hf:o\/r1 is called none; there are \/all, \/default/u,
    );
  });

  test("without a card, by the names of folders and files", async () => {
    const rows = sampleTraces(4, 2).truth;
    server.repositories.set(
      "o/plain",
      new Map([
        ["train.jsonl", lines(rows.slice(0, 2))],
        ["test.jsonl", lines(rows.slice(2, 3))],
        ["other/train.jsonl", lines(rows.slice(3))],
      ]),
    );
    expect(await read("hf:o/plain:test")).toEqual(rows.slice(2, 3));
    expect(await read("hf:o/plain/other")).toEqual(rows.slice(3));
  });

  test("what fails in passing is asked again, and half an answer is none", async () => {
    const rows = sampleTraces(30, 3).truth;
    server.repositories.set("o/flaky", new Map([["data/train.parquet", await parquet(rows)]]));
    server.faults.push("unavailable", "cut", "reset", "whole-file");
    expect(await read("hf:o/flaky")).toEqual(rows);
    expect(server.faults).toEqual([]);
    server.faults.push(...Array.from({ length: 4 }, () => "unavailable" as const));
    await expect(read("hf:o/flaky")).rejects.toThrow(
      /cannot read hf:o\/flaky\/data\/train\.parquet: Service Unavailable/u,
    );
  }, 60_000);

  test("a private data set wants the token, and no message shows one", async () => {
    const rows = sampleTraces(2, 4).truth;
    server.repositories.set("o/secret", new Map([["train.jsonl", lines(rows)]]));
    server.private.add("o/secret");
    await expect(read("hf:o/secret")).rejects.toThrow(
      /cannot list hf:o\/secret: Invalid username or password.*set HF_TOKEN/u,
    );
    await expect(read("hf:o/secret", "hf_wrongwrongwrong")).rejects.toThrow(/the token in HF_TOKEN may not/u);
    expect(await read("hf:o/secret", server.token)).toEqual(rows);
    const { status, log } = await callCli(["data", "check", "hf:o/secret"], {
      environment: { HF_ENDPOINT: server.url, HF_TOKEN: "not-a-token" },
    });
    expect(status).toBe(1);
    expect(log).not.toContain("not-a-token");
    await expect(read("hf:o/nowhere")).rejects.toThrow(/cannot list hf:o\/nowhere: Repository not found/u);
  });

  test("rows of OpenR1-Math-220k through the commands", async () => {
    const rows = [1, 2, 3].map((n) => ({
      problem: `What is ${n}+${n}?`,
      answer: `${2 * n}`,
      uuid: `u${n}`,
      generations: [`<think>\nno</think>\n\\boxed{0}`, `<think>\nyes ${n}</think>\n\\boxed{${2 * n}}`],
      correctness_math_verify: [false, n !== 3],
    }));
    server.repositories.set(
      "open-r1/OpenR1-Math-220k",
      new Map([
        ["README.md", Buffer.from(CARD)],
        ["data/train-0.jsonl", lines(rows)],
      ]),
    );
    const out = join(folder, "traces.parquet");
    const {
      status,
      out: printed,
      log,
    } = await call("data", "convert", "hf:open-r1/OpenR1-Math-220k", "--out", out, "--json");
    expect(status).toBe(0);
    expect(JSON.parse(printed)).toMatchObject({ rows: 2, skipped: { "no-correct-generation": 1 } });
    expect(log).toMatch(/1 records gave no row \(no-correct-generation\)/u);
    const checked = await call(
      "data",
      "check",
      out,
      "--plain",
      "--source",
      "hf:open-r1/OpenR1-Math-220k",
      "--json",
    );
    expect(checked.status).toBe(0);
    expect(JSON.parse(checked.out)).toMatchObject({ fit: true, compared: 2, answers: { right: 2 } });
  });
});

describe("pushing", () => {
  const pushed = async (rows: readonly unknown[], ...flags: string[]) => {
    const path = join(folder, "rows.jsonl");
    await writeFile(path, lines(rows));
    return call("data", "push", path, "--repo", "me/spans", "--json", ...flags);
  };

  test("rows and card in one commit, read back as they were", async () => {
    const { truth, gap } = sampleTraces(25, 5);
    const { status, out } = await pushed(
      [...truth, ...gap],
      "--private",
      "--license",
      "apache-2.0",
      "--message",
      "First",
    );
    expect(status).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      rows: 50,
      removed: [],
      files: [{ path: "data/train-00000-of-00001.parquet" }],
    });
    expect(server.private.has("me/spans")).toBe(true);
    expect(server.commits).toEqual([
      {
        repo: "me/spans",
        title: "First",
        deleted: [],
        changed: ["data/train-00000-of-00001.parquet", "README.md"],
      },
    ]);
    expect(await read("hf:me/spans", server.token)).toEqual([...truth, ...gap]);
    const card = String(server.repositories.get("me/spans")?.get("README.md"));
    const header = parse(card.split("---\n")[1] ?? "") as Record<string, unknown>;
    expect(header).toMatchObject({
      license: "apache-2.0",
      task_categories: ["text-generation"],
      size_categories: ["n<1K"],
      configs: [{ config_name: "default", data_files: [{ split: "train", path: "data/train-*.parquet" }] }],
    });
    expect(card).toContain("# spans");
    expect(card).toMatch(/\| truth and gap \| 25 \| 0\.\d{3} \| 0\.\d{3} \|/u);
  });

  test("a second push replaces its split only, and keeps what people wrote on the card", async () => {
    const { truth, gap } = sampleTraces(6, 6);
    await pushed(truth);
    const files = server.repositories.get("me/spans") ?? new Map<string, Buffer>();
    files.set("data/train-00001-of-00002.parquet", Buffer.from("an older, longer push"));
    const card = String(files.get("README.md"))
      .replace("# spans", "# Ours\n\nWe wrote this.")
      .replace("---\n", "---\npretty_name: Ours\n");
    files.set("README.md", Buffer.from(`${card}\nAnd this.\n`));
    expect((await pushed(gap, "--config", "gap", "--split", "test")).status).toBe(0);
    expect(server.commits.at(-1)?.deleted).toEqual([]);
    const again = await pushed(truth.slice(0, 2));
    expect(JSON.parse(again.out)).toMatchObject({ rows: 2, removed: ["data/train-00001-of-00002.parquet"] });
    const now = String(files.get("README.md"));
    expect(now).toContain("We wrote this.");
    expect(now).toContain("And this.");
    expect(now.match(/statistics begin/gu)).toHaveLength(1);
    expect(parse(now.split("---\n")[1] ?? "")).toMatchObject({
      pretty_name: "Ours",
      configs: [
        { config_name: "default", data_files: [{ split: "train", path: "data/train-*.parquet" }] },
        { config_name: "gap", data_files: [{ split: "test", path: "gap/test-*.parquet" }] },
      ],
    });
    expect(await read("hf:me/spans")).toEqual(truth.slice(0, 2));
    expect(await read("hf:me/spans/gap:test")).toEqual(gap);
  });

  test("nothing is sent when a row is at fault, when there is no token or when the token may not write", async () => {
    const [good] = sampleTraces(1, 7).truth;
    const bad = { id: "bad", problem: "p", trace: "abc", spans: [{ start: 2, end: 9 }] };
    const atFault = await pushed([good, bad]);
    expect(atFault).toMatchObject({ status: 1 });
    expect(atFault.log).toMatch(/row bad has spans that do not fit/u);
    expect(server.requests).toEqual([]);
    const path = join(folder, "rows.jsonl");
    await writeFile(path, lines([good]));
    const withoutToken = await callCli(["data", "push", path, "--repo", "me/spans"], {
      environment: { HF_ENDPOINT: server.url },
    });
    expect(withoutToken).toMatchObject({ status: 1 });
    expect(withoutToken.log).toMatch(/set HF_TOKEN/u);
    const wrong = await callCli(["data", "push", path, "--repo", "me/spans"], {
      environment: { HF_ENDPOINT: server.url, HF_TOKEN: "hf_wrongwrongwrong" },
    });
    expect(wrong.log).toMatch(/cannot make the data set me\/spans: Invalid username or password/u);
    expect(wrong.log).not.toContain("wrongwrong");
    expect(server.commits).toEqual([]);
    expect((await call("data", "push", path, "--repo", "spans")).status).toBe(2);
  });

  test("names from the data stay words on the card", async () => {
    const [row] = sampleTraces(1, 8).truth;
    const evil = "<script>|[x](javascript:1)\n# H";
    expect(
      (
        await pushed([
          { ...row, source: evil },
          { ...row, id: "2", source: "s" },
        ])
      ).status,
    ).toBe(0);
    const card = String(server.repositories.get("me/spans")?.get("README.md"));
    expect(card).toContain("\\<script\\>\\|\\[x\\]\\(javascript:1\\) \\# H");
  });
});
