/** `splitreason profile` and `splitreason simulate`, from an evaluation to a forecast, on small random models. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, it } from "vitest";

import { callCli } from "../support/terminal.ts";
import { writeTinyPair } from "../support/tiny-pair.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-latency-"));
const at = (name: string): string => join(folder, name);
beforeAll(() => writeTinyPair(folder));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PAPER = { small: '{"prefill": 28721, "decode": 145}', big: '{"prefill": 3045, "decode": 16.4}' };

it("profiles engines, and forecasts what an evaluation recorded", { timeout: 300_000 }, async () => {
  for (const role of ["small", "big"]) {
    const { status, out, log } = await callCli([
      "profile",
      `gguf:${at(`${role}.gguf`)}`,
      "--quick",
      "--rounds",
      "2",
      "--contexts",
      "32,96",
      "--threads",
      "1",
      "--temperature",
      "1",
      "--out",
      at(`${role}.json`),
      "--json",
    ]);
    expect(log).toContain(`written to ${at(`${role}.json`)}`);
    expect(status).toBe(0);
    const profile = JSON.parse(out);
    expect(JSON.parse(readFileSync(at(`${role}.json`), "utf8"))).toEqual(profile);
    expect(profile).toMatchObject({ format: "splitreason-profile-1", cancels: false });
    expect(profile.digest).toMatch(/^[0-9a-f]{64}$/u);
    expect(profile.measured).toMatchObject({ batch: 1, rounds: 2, contexts: [32, 96], temperature: 1 });
    expect(profile.measured.machine.cores).toBeGreaterThan(0);
    for (const { tokensPerSecond } of [...profile.prefill, ...profile.decode, ...profile.score])
      expect(tokensPerSecond).toBeGreaterThan(0);
  }
  const evaluated = await callCli([
    "eval",
    "micro",
    "--arms",
    "random:0.3,never",
    "--problems",
    "3",
    "--concurrency",
    "1",
    "--threads",
    "1",
    "--pair",
    at("pair.json"),
    "--max-tokens",
    "48",
    "--out",
    at("run"),
  ]);
  expect(evaluated.status).toBe(0);
  const call = ["simulate", at("run/rows.jsonl"), "--small", at("small.json"), "--big", at("big.json")];
  const { status, out } = await callCli([...call, "--json"]);
  expect(status).toBe(0);
  const { arms, traces } = JSON.parse(out);
  expect(traces).toMatchObject({ inFile: 6, simulated: 6, failed: 0 });
  expect(arms.map(({ arm }: { arm: string }) => arm)).toEqual(["random:0.3", "never"]);
  const rows = readFileSync(at("run/rows.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  for (const { arm, modes, smallTokens, bigTokens } of arms) {
    const own = rows.filter((row) => row.arm === arm);
    const sum = (
      pick: (row: { usage: { smallTokens: number; bigTokens: number }; wallMs: number }) => number,
    ) => own.reduce((total, row) => total + pick(row), 0);
    expect(smallTokens).toBe(sum(({ usage }) => usage.smallTokens));
    expect(bigTokens).toBe(sum(({ usage }) => usage.bigTokens));
    for (const { mode, seconds, secondsByCause, measured } of modes) {
      const causes = Object.values(secondsByCause as Record<string, number>);
      expect(causes.reduce((total, value) => total + value, 0)).toBeCloseTo(seconds, 6);
      if (mode === "pipelined")
        expect(measured.measuredSeconds).toBeCloseTo(sum(({ wallMs }) => wallMs) / 1000, 6);
      else expect(measured).toBeUndefined();
    }
  }
  const shown = await callCli([...call, "--arm", "random:0.3", "--pipelined", "--sequential"]);
  expect(shown.out).toContain("random:0.3: 3 traces");
  expect(shown.out).toMatch(/^pipelined .*\n^sequential /mu);
  expect(shown.out).toMatch(/measured: .* pipelined predicted /u);
  expect(shown.out).not.toContain("never");
});

it("forecasts traces that anyone can write, under speeds that anyone can write", async () => {
  writeFileSync(at("1.5b.json"), PAPER.small);
  writeFileSync(at("32b.json"), PAPER.big);
  const segments = [
    { author: "small", tokens: 145, reason: "start" },
    { author: "big", tokens: 82, reason: "open-tag" },
    { author: "small", tokens: 145, reason: "close-prediction" },
  ];
  const failed = { segments: [], error: "engine-failed: away" };
  writeFileSync(at("traces.jsonl"), `${JSON.stringify({ segments })}\n${JSON.stringify(failed)}\n`);
  const call = ["simulate", at("traces.jsonl"), "--small", at("1.5b.json"), "--big", at("32b.json")];
  const { status, out, log } = await callCli([...call, "--json"]);
  expect(status).toBe(0);
  expect(log).toContain("left out: 1 traces that failed");
  const [{ modes, idealSeconds }] = JSON.parse(out).arms;
  // Two seconds by the small model and five by the big one; the tag and the end of the turn are drawn as well.
  expect(idealSeconds).toBeCloseTo(7, 6);
  const secondsOf = (name: string): number =>
    modes.find(({ mode }: { mode: string }) => mode === name).seconds;
  expect(secondsOf("pipelined")).toBeGreaterThan(7);
  expect(secondsOf("pipelined")).toBeLessThan(7.3);
  expect(secondsOf("sequential")).toBeGreaterThan(secondsOf("pipelined") + 2);
  expect(secondsOf("reference")).toBeCloseTo(2 + (128 * 8) / 145 + 128 / 16.4, 0);
  expect(secondsOf("big-alone")).toBeCloseTo(373 / 16.4, 3);
});

it("says what is wrong, with the status of a wrong call or of a failure", async () => {
  writeFileSync(at("bad.json"), '{"prefill": 3045, "decode": "fast"}');
  const call = (small: string, ...more: string[]) =>
    callCli(["simulate", at("traces.jsonl"), "--small", small, "--big", at("32b.json"), ...more]);
  const bad = await call(at("bad.json"));
  expect(bad.status).toBe(2);
  expect(bad.log).toContain("bad.json, field decode");
  const absent = await call(at("absent.json"));
  expect(absent.status).toBe(1);
  expect(absent.log).toContain("no such file");
  const noArm = await call(at("1.5b.json"), "--arm", "learned");
  expect(noArm.status).toBe(1);
  expect(noArm.log).toContain("0 are of the arm asked for");
  expect((await call(at("1.5b.json"), "--recorded-as", "fast")).status).toBe(2);
  const narrow = await callCli(["profile", `gguf:${at("narrow.gguf")}`, "--out", at("narrow.json")]);
  expect(narrow.status).toBe(2);
  expect(narrow.log).toContain("too short to be measured");
  expect(existsSync(at("narrow.json"))).toBe(false);
  const long = await callCli(["profile", `gguf:${at("small.gguf")}`, "--quick", "--contexts", "500"]);
  expect(long.status).toBe(2);
  expect(long.log).toContain("ask for at most");
});
