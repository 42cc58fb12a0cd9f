/** `splitreason learn --fast` as people use it: stopped and killed on the way, it continues to a pair that solves. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, it, vi } from "vitest";

import { runCliProcess } from "../support/cli.ts";

vi.setConfig({ testTimeout: 900_000 });

const folder = mkdtempSync(join(tmpdir(), "splitreason-learn-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const work = join(folder, "work");

type Poll = (kill: (signal: NodeJS.Signals) => void) => Promise<void>;
const learn = (more: readonly string[] = [], poll?: Poll) =>
  runCliProcess(["learn", "--pair", "micro", "--fast", "--work", work, "--threads", "1", "--json", ...more], {
    timeoutMs: 600_000,
    ...(poll === undefined ? {} : { poll }),
  });

interface StageRecord {
  readonly name: string;
  readonly seconds: number;
  readonly figures?: Record<string, number>;
}
const stages = (): StageRecord[] =>
  existsSync(join(work, "learn.json"))
    ? (JSON.parse(readFileSync(join(work, "learn.json"), "utf8")) as { stages: StageRecord[] }).stages
    : [];
/** Samples in the journal, after its first line. */
const sampled = (): number => {
  const path = join(work, "rollouts.jsonl.journal.jsonl");
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").length - 2 : 0;
};

it("goes through all stages in several sittings", async () => {
  let isStopped = false;
  const stopped = await learn([], async (kill) => {
    // Once: a second Ctrl-C ends the program at once.
    if (isStopped || sampled() < 1) return;
    isStopped = true;
    kill("SIGINT");
  });
  expect(stopped.status).toBe(130);
  expect(stopped.log).toContain(`the same command continues from ${work}`);
  expect(stages().map(({ name, figures }) => [name, figures !== undefined])).toEqual([["rollouts", false]]);

  const killed = await learn([], async (kill) => {
    if (existsSync(join(work, "sft", "state.json"))) kill("SIGKILL");
  });
  expect(killed.signal).toBe("SIGKILL");
  expect(killed.log).toContain("rollouts continues");
  const afterKill = stages();
  expect(afterKill[0]?.figures?.["samples"]).toBe(24);
  expect(afterKill[0]?.figures?.["rows"]).toBeGreaterThan(8);

  const whole = await learn();
  expect(whole.log).toContain("rollouts is done");
  expect(whole.status).toBe(0);
  const result = JSON.parse(whole.out) as { pair: string; stages: StageRecord[] };
  expect(result.stages.map(({ name }) => name)).toEqual(["rollouts", "sft", "grpo", "calibration"]);
  expect(afterKill[0]).toMatchObject(result.stages[0] ?? {});
  expect(result.stages.every(({ seconds }) => seconds > 0)).toBe(true);
  const adapter = readFileSync(join(work, "grpo", "best", "adapter.gguf"));

  const again = await learn();
  expect(again.status).toBe(0);
  expect(JSON.parse(again.out)).toEqual(result);
  expect(readFileSync(join(work, "grpo", "best", "adapter.gguf"))).toEqual(adapter);

  const solved = await runCliProcess(["solve", "1 + 1", "--pair", result.pair, "--max-tokens", "20"]);
  expect(solved.log).not.toMatch(/splitreason: /u);
  expect(solved.status).toBe(0);
});

it("says what is wrong before anything is done", async () => {
  const elsewhere = { SPLITREASON_CACHE: folder };
  const missing = await runCliProcess(["learn", "--pair", "qwen-coder", "--fast"], {
    environment: elsewhere,
  });
  expect([missing.status, missing.log]).toEqual([1, expect.stringContaining("models.py qwen-coder")]);
  const unknown = await runCliProcess(["learn", "--pair", "qwen"]);
  expect([unknown.status, unknown.log]).toEqual([2, expect.stringContaining("there are qwen-coder, micro")]);
});
