/** An annotation that is killed twenty times ends in the same bytes, and asks for no answer that it had. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, it } from "vitest";

import { toJsonLines } from "../../../src/core/json-lines.ts";
import { createRng } from "../../../src/core/rng.ts";
import { runCliProcess } from "../../support/cli.ts";
import { AnnotatingServer, type Trouble } from "./annotating-server.ts";
import { voicedTraces } from "./re-voiced.ts";

const ROWS = 120;
const KILLS = 20;
/** Troubles that are over quickly: a killed run begins its waits anew. */
const TROUBLES: readonly Trouble[] = [
  "none",
  "truncated",
  "none",
  "cut-connection",
  "absent-first",
  "none",
  "hopeless",
  "chatty",
];
const main = join(import.meta.dirname, "..", "..", "..", "dist", "cli", "main.js");
const folder = mkdtempSync(join(tmpdir(), "splitreason-kill-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const call = (input: string, endpoint: string, out: string): string[] =>
  `data annotate ${input} --annotator llm --endpoint ${endpoint} --out ${out} --concurrency 4 --json`.split(
    " ",
  );

/**
 * Between the last byte of an answer at the server and the answer on the disk lies the client's reading of it: on a machine of two busy
 * cores up to tens of milliseconds.
 */
const WINDOW_MS = 500;

it("kill -9 at twenty random moments", { timeout: 600_000 }, async () => {
  const traces = voicedTraces(ROWS, createRng(8));
  const input = join(folder, "traces.jsonl");
  writeFileSync(input, toJsonLines(traces.map(({ row }) => row)));

  const calm = new AnnotatingServer(traces, { troubles: TROUBLES });
  const undisturbed = join(folder, "undisturbed.jsonl");
  const calmRun = await runCliProcess(call(input, await calm.listen(), undisturbed), { timeoutMs: 300_000 });
  await calm.close();
  expect(calmRun.status).toBe(0);

  const server = new AnnotatingServer(traces, { troubles: TROUBLES, delayMs: 350 });
  const endpoint = await server.listen();
  const out = join(folder, "killed.jsonl");
  const rng = createRng(20);
  const killedMs: number[] = [];
  const kept: { readonly requests: number; readonly answers: ReadonlySet<string> }[] = [];
  try {
    while (killedMs.length < KILLS) {
      const child = spawn(process.execPath, [main, ...call(input, endpoint, out)], { stdio: "ignore" });
      const ended = new Promise<NodeJS.Signals | null>((resolve) =>
        child.on("close", (_, signal) => resolve(signal)),
      );
      // One in four at any moment from the start on; the others some answers on, at any moment until the next.
      if (rng.next() < 0.25) await pause(rng.next() * 1_500);
      else {
        const answers = answeredBy(server) + rng.integer(0, 7);
        while ((server.log.length === 0 || answeredBy(server) < answers) && child.exitCode === null)
          await pause(5);
        await pause(rng.next() * 350);
      }
      child.kill("SIGKILL");
      killedMs.push(performance.now());
      // Every kill met a run that was not at its end.
      expect(await ended).toBe("SIGKILL");
      kept.push({ requests: server.log.length, answers: answersIn(`${out}.journal.jsonl`) });
    }
    const last = await runCliProcess(call(input, endpoint, out), { timeoutMs: 300_000 });
    expect(last.status).toBe(0);

    expect(readFileSync(out).equals(readFileSync(undisturbed))).toBe(true);
    expect(readFileSync(`${out}.failed.jsonl`).equals(readFileSync(`${undisturbed}.failed.jsonl`))).toBe(
      true,
    );

    // Exactly: what was on the disk at a kill is never asked for again.
    const keyOf = (id: string | undefined, temperature: number): string => `${id} at ${temperature}`;
    for (const { requests, answers } of kept) {
      for (const { id, temperature } of server.log.slice(requests)) {
        const row = traces.findIndex((trace) => trace.row.id === id);
        expect(answers.has(keyOf(String(row), temperature))).toBe(false);
      }
    }
    expect(kept.at(-1)?.answers.size).toBeGreaterThan(20);

    // What the server had sent when the kill fell may not have come here: only that is asked for again.
    const sent = new Map<string, number[]>();
    for (const { id, temperature, answeredMs } of server.log) {
      if (answeredMs === undefined) continue;
      const key = keyOf(id, temperature);
      sent.set(key, [...(sent.get(key) ?? []), answeredMs]);
    }
    const again = [...sent.values()].filter(({ length }) => length > 1).map(([first = 0]) => first);
    const beforeKillMs = again.map((first) => Math.min(...killedMs.map((kill) => Math.abs(kill - first))));
    console.log(
      `${KILLS} kills, ${server.log.length} requests, ${sent.size} answers; asked again: ${again.length}, sent within ms of a kill: ${beforeKillMs.map((ms) => ms.toFixed(1)).join(", ")}`,
    );
    expect(Math.max(0, ...beforeKillMs)).toBeLessThan(WINDOW_MS);
    // Chance decides how many kills fall between the two; on a loaded machine four of twenty did.
    expect(again.length).toBeLessThanOrEqual(KILLS / 2);

    const document = JSON.parse(last.out);
    expect(document).toMatchObject({ status: "done", rows: ROWS, pending: 0 });
    // Requests that were under way at a kill are owned up to.
    expect(document.unanswered).toBeGreaterThanOrEqual(again.length);
  } finally {
    await server.close();
  }
});

const answeredBy = ({ log }: AnnotatingServer): number =>
  log.filter(({ answeredMs }) => answeredMs !== undefined).length;

/** `ROW at TEMPERATURE` of every answer on the disk; a line that the kill cut is none. */
function answersIn(journal: string): Set<string> {
  const lines = existsSync(journal) ? readFileSync(journal, "utf8").split("\n").slice(0, -1) : [];
  const answers = new Set<string>();
  for (const line of lines) {
    const { row, fact } = JSON.parse(line) as { row?: number; fact?: { attempt: number } };
    if (fact !== undefined) answers.add(`${row} at ${[0, 0.3, 0.6][fact.attempt]}`);
  }
  return answers;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
