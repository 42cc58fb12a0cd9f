/** The big model is down, slow, or dies in mid-segment. The small one continues, the answer says so, and the breaker protects later requests. */
import { describe, expect, it } from "vitest";

import { EngineError } from "../../../src/core/errors.ts";
import { hangAfter } from "../../../src/engines/scripted/index.ts";
import {
  ANSWER,
  ask,
  gone,
  joined,
  type Rig,
  RUN,
  said,
  SMALL_REASONING,
  SPAN,
  SPLIT_REASONING,
  startRig,
  until,
} from "./rig.ts";

const whole = { reasoning: SPLIT_REASONING, content: ANSWER, degraded: null };

async function recovers(rig: Rig): Promise<void> {
  rig.big.fault = undefined;
  rig.big.away = undefined;
  await until(() => rig.log.some((line) => line.includes('"engine":"big","health":"up"')));
  rig.log.length = 0;
  await expect.poll(async () => said(await ask(rig.url))).toEqual(whole);
  expect([rig.small.open, rig.big.open]).toEqual([0, 0]);
}

describe("with both models up", () => {
  it("an answer has every letter of both", async () => {
    await using rig = await startRig();
    const answer = await ask(rig.url);
    expect(said(answer)).toEqual(whole);
    expect(answer.body.usage.completion_tokens_details).toMatchObject({
      small_tokens: 3 * RUN + 1 + ANSWER.length,
      big_tokens: 2 * SPAN,
      switches: 2,
    });
    expect(joined((await ask(rig.url, { stream: true })).text)).toMatchObject({ ...whole, done: true });
  });
});

describe("the big model", () => {
  it("is down when the gateway starts: it starts, answers, and uses the model when it comes up", async () => {
    await using rig = await startRig({ bigAway: gone("scripted:big") });
    const answer = await ask(rig.url);
    expect(answer.status).toBe(200);
    expect(said(answer)).toMatchObject({ reasoning: SMALL_REASONING, content: ANSWER });
    expect(answer.body.splitreason.degraded).toContain("scripted:big: it is away");
    const ready = (await (await fetch(`${rig.url}/readyz`)).json()) as { models: { big: { state: string } } };
    expect(ready).toMatchObject({ status: "ready", models: { small: { state: "up" } } });
    expect(["down", "recovering"]).toContain(ready.models.big.state);
    rig.log.length = 0;
    await recovers(rig);
  });

  it("goes down: requests continue, after two failures it is not asked any more, and it recovers by itself", async () => {
    await using rig = await startRig({ config: { breaker: { failures: 2, resetMs: 400 } } });
    expect(said(await ask(rig.url))).toEqual(whole);
    rig.log.length = 0;
    rig.big.fault = () => {
      throw gone("big");
    };
    const first = await ask(rig.url);
    expect(said(first)).toMatchObject({ reasoning: SMALL_REASONING, content: ANSWER });
    expect(first.body.splitreason.degraded).toContain("big: connect ECONNREFUSED");
    await ask(rig.url);
    await until(() => rig.log.some((line) => line.includes('"engine":"big","health":"down"')));
    const { calls } = rig.big;
    const spared = await ask(rig.url);
    expect(said(spared)).toMatchObject({ reasoning: SMALL_REASONING, content: ANSWER });
    expect(spared.body.splitreason.degraded).toContain("it is away");
    expect(rig.big.calls).toBe(calls);
    const metrics = await (await fetch(`${rig.url}/metrics`)).text();
    expect(metrics).toMatch(/splitreason_degraded_total 3\n/u);
    expect(metrics).toMatch(/splitreason_engine_state\{engine="big",state="up"\} 0\n/u);
    await recovers(rig);
  });

  it("is slow: given up on after its limit, and the next requests do not wait for it", async () => {
    await using rig = await startRig({
      bigTimeoutMs: 150,
      config: { breaker: { failures: 4, resetMs: 60_000 } },
    });
    await ask(rig.url);
    rig.big.fault = hangAfter(rig.big.drawn);
    // Each tries it twice: bigRetries is 1.
    for (let request = 0; request < 2; request++) {
      const answer = await ask(rig.url);
      // It was granted, and wrote nothing: no dash.
      expect(said(answer)).toMatchObject({ reasoning: "s".repeat(3 * RUN), content: ANSWER });
      expect(answer.body.splitreason.degraded).toContain("took longer than 150 ms");
    }
    const { calls } = rig.big;
    expect(said(await ask(rig.url))).toMatchObject({ reasoning: SMALL_REASONING });
    expect(rig.big.calls).toBe(calls);
  });

  it.each([false, true])(
    "dies in mid-segment (stream: %s): what it wrote stays, the small one continues",
    async (stream) => {
      await using rig = await startRig();
      let draws = 0;
      rig.big.fault = ({ kind }) => {
        if (kind === "draw" && ++draws > 5) {
          throw new EngineError("big: the connection was reset", { code: "engine-failed", retryable: true });
        }
      };
      const answer = await ask(rig.url, { stream });
      expect(answer.status).toBe(200);
      const { reasoning, content, degraded } = stream ? joined(answer.text) : said(answer);
      const s = "s".repeat(RUN);
      // Five letters of the first span are kept; it is tried once more at the second, where it dies at once.
      expect(reasoning).toBe(`${s}bbbbb${s}${s}`);
      expect(content).toBe(ANSWER);
      expect(degraded).toContain("the connection was reset");
      if (stream) expect(joined(answer.text)).toMatchObject({ done: true, error: undefined });
      await recovers(rig);
    },
  );

  it("asked for by itself while it is away: 502, in OpenAI's shape", async () => {
    await using rig = await startRig({ bigAway: gone("scripted:big") });
    const answer = await ask(rig.url, { model: "splitreason:big" });
    expect(answer.status).toBe(502);
    expect(answer.body.error).toMatchObject({ type: "server_error" });
    expect((await ask(rig.url, { model: "splitreason:small" })).status).toBe(200);
  });
});
