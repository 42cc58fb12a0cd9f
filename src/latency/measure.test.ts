/** Measures an engine whose tokens and calls take known times of an injected clock. The measured times must be these. */
import { expect, it } from "vitest";

import type { Clock } from "../core/clock.ts";
import { createRng } from "../core/rng.ts";
import { type EnginePace, pacedEngine } from "../../test/support/paced-engine.ts";
import type { Engine } from "../engines/engine.ts";
import { randomModel, ScriptedEngine } from "../engines/scripted/index.ts";
import { profileFrom } from "./build-profile.ts";
import { measureEngine, type MeasureSettings } from "./measure.ts";

class HandClock implements Clock {
  #ms = 0;
  nowMs = (): number => this.#ms;
  isoNow = (): string => "2026-01-01T00:00:00.000Z";
  pass(ms: number): void {
    this.#ms += ms;
  }
}

const COSTS: EnginePace = {
  readToken: 0.25,
  readCall: 3,
  drawToken: 10,
  drawPerContext: 0.01,
  generateCall: 5,
  scoreToken: 0.5,
  scoreCall: 2,
  open: 1,
};

/** @param slowness How many times as long everything takes. */
const timedEngine = (clock: HandClock, slowness = 1): Engine =>
  pacedEngine(new ScriptedEngine({ next: randomModel(), contextSize: 4096 }), COSTS, (ms) =>
    clock.pass(ms * slowness),
  );

const settings: MeasureSettings = {
  contexts: [64, 1000],
  rounds: 2,
  decodeTokens: 16,
  prefillTokens: [16, 64],
  scoreTokens: [8, 32],
  temperature: 1,
  maxSeconds: 1000,
  seed: 1,
};
const signal = new AbortController().signal;

it("finds the times that tokens and calls take", async () => {
  const clock = new HandClock();
  const visits: number[] = [];
  const measurement = await measureEngine(timedEngine(clock), settings, {
    clock,
    signal,
    onVisit: (done, total) => visits.push(done / total),
  });
  expect(visits).toEqual([0.25, 0.5, 0.75, 1]);
  const { prefill, decode, score, overhead } = profileFrom(measurement, "median", createRng(1));
  if (!Array.isArray(prefill) || !Array.isArray(decode) || !Array.isArray(score))
    throw new Error("no points");
  // The first token of a longer context is drawn more slowly, which counts as reading: 4% here.
  for (const { tokensPerSecond } of prefill)
    expect((tokensPerSecond * COSTS.readToken) / 1000).toBeCloseTo(1, 1);
  for (const { tokensPerSecond } of score)
    expect((tokensPerSecond * COSTS.scoreToken) / 1000).toBeCloseTo(1, 4);
  for (const { contextTokens, tokensPerSecond } of decode) {
    // Timed over the 16 tokens after the context.
    const wanted = 1000 / (COSTS.drawToken + (contextTokens + 9) * COSTS.drawPerContext);
    expect(tokensPerSecond / wanted).toBeCloseTo(1, 1);
  }
  expect(overhead?.openMs).toBeCloseTo(COSTS.open, 6);
  expect(overhead?.prefillCallMs).toBeCloseTo(COSTS.readCall, 0);
  expect(overhead?.generateCallMs).toBeCloseTo(COSTS.generateCall, 0);
  expect(overhead?.scoreCallMs).toBeCloseTo(COSTS.scoreCall, 0);
});

it("begins no context that would not end in time, and says so", async () => {
  const clock = new HandClock();
  const measurement = await measureEngine(
    timedEngine(clock, 10),
    { ...settings, maxSeconds: 5 },
    { clock, signal },
  );
  expect(measurement.leftOut).toEqual([1000]);
  expect(measurement.visits.map(({ contextTokens }) => contextTokens)).toContain(64);
  expect(measurement.seconds).toBeLessThan(5 + 10);
});

it("stops when it is told to", async () => {
  const clock = new HandClock();
  const controller = new AbortController();
  const running = measureEngine(timedEngine(clock), settings, {
    clock,
    signal: controller.signal,
    onVisit: () => controller.abort(new Error("enough")),
  });
  await expect(running).rejects.toThrow(/enough|abort/u);
});
