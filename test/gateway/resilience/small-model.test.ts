/** The small model down: 502, or the big one alone, as configured; and dying in the middle of an answer. */
import { describe, expect, it } from "vitest";

import { EngineError } from "../../../src/core/errors.ts";
import { ANSWER, ask, gone, joined, said, SPLIT_REASONING, startRig, until } from "./rig.ts";

const whole = { reasoning: SPLIT_REASONING, content: ANSWER, degraded: null };

describe("the small model", () => {
  it("is down: 502 and not ready, alive all the same, until it is back", async () => {
    await using rig = await startRig({ smallAway: gone("scripted:small") });
    for (const stream of [false, true]) {
      const answer = await ask(rig.url, { stream });
      expect(answer.status).toBe(502);
      expect(answer.body.error).toMatchObject({ type: "server_error", code: "engine_unavailable" });
    }
    const ready = await fetch(`${rig.url}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ status: "unavailable", models: { big: { state: "up" } } });
    expect((await fetch(`${rig.url}/healthz`)).status).toBe(200);
    rig.small.away = undefined;
    await until(() => rig.log.some((line) => line.includes('"engine":"small","health":"up"')));
    expect((await fetch(`${rig.url}/readyz`)).status).toBe(200);
    expect(said(await ask(rig.url))).toEqual(whole);
  });

  it("is down, and the big one writes alone where the operator wants that", async () => {
    await using rig = await startRig({
      smallAway: gone("scripted:small"),
      config: { whenSmallIsDown: "big" },
    });
    const answer = await ask(rig.url, { max_tokens: 20 });
    expect(answer.status).toBe(200);
    expect(answer.body.splitreason).toMatchObject({ policy: "always" });
    expect(answer.body.splitreason.degraded).toContain("scripted:small");
    expect(answer.body.usage.completion_tokens_details).toMatchObject({ small_tokens: 0, big_tokens: 20 });
    expect((await fetch(`${rig.url}/readyz`)).status).toBe(200);
    // What only the small model can give is refused all the same.
    expect((await ask(rig.url, { model: "splitreason:small" })).status).toBe(502);
    rig.small.away = undefined;
    await until(() => rig.log.some((line) => line.includes('"engine":"small","health":"up"')));
    expect(said(await ask(rig.url))).toEqual(whole);
  });

  it("dies in an answer: an error, never a text that looks complete; nothing runs on", async () => {
    await using rig = await startRig();
    let draws = 0;
    rig.small.fault = ({ kind }) => {
      if (kind === "draw" && ++draws > 9) {
        throw new EngineError("small: the connection was reset", { code: "engine-failed" });
      }
    };
    const failed = await ask(rig.url);
    expect(failed.status).toBe(502);
    expect(failed.body.error).toMatchObject({ type: "server_error", code: "engine_failed" });
    draws = 0;
    const stream = await ask(rig.url, { stream: true });
    expect(stream.status).toBe(200);
    const { reasoning, error, done } = joined(stream.text);
    expect(SPLIT_REASONING.startsWith(reasoning)).toBe(true);
    expect(reasoning.length).toBeGreaterThan(6);
    expect(error).toMatchObject({ code: "engine_failed" });
    expect(done).toBe(false);
    await until(() => rig.small.open + rig.big.open === 0);
    // Twice in a row: it is left alone until it is well again.
    await until(() => rig.log.some((line) => line.includes('"engine":"small","health":"down"')));
    rig.small.fault = undefined;
    rig.log.length = 0;
    await until(() => rig.log.some((line) => line.includes('"engine":"small","health":"up"')));
    expect(said(await ask(rig.url))).toEqual(whole);
  });
});
