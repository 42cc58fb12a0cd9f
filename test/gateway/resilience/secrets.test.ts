/** The API key, and what the log must not hold. */
import { describe, expect, it } from "vitest";

import { EngineError } from "../../../src/core/errors.ts";
import { ask, startRig, until } from "./rig.ts";

const KEY = "correct-horse-battery";

describe("the API key", () => {
  it("is needed for everything but the question whether the process is alive", async () => {
    await using rig = await startRig({ apiKey: KEY });
    const status = async (path: string, key?: string): Promise<number> => {
      const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
      return (await fetch(`${rig.url}${path}`, { headers })).status;
    };
    for (const path of ["/v1/models", "/metrics", "/readyz", "/v1/models/splitreason", "/nowhere"]) {
      expect(await status(path)).toBe(401);
      expect(await status(path, "correct-horse-batterz")).toBe(401);
      expect(await status(path, KEY)).not.toBe(401);
    }
    expect(await status("/healthz")).toBe(200);
    const refused = await ask(rig.url);
    expect(refused.status).toBe(401);
    expect(refused.body.error).toMatchObject({ type: "authentication_error" });
    expect(rig.small.calls).toBe(0);
    const headers = { "content-type": "application/json", authorization: `Bearer ${KEY}` };
    expect((await ask(rig.url, {}, { headers })).status).toBe(200);
    expect(rig.log.join("")).not.toContain("horse");
  });
});

describe("the log", () => {
  const secretPrompt = { messages: [{ role: "user", content: "my zebra is ill, sk-abcdefghijklmnop" }] };

  async function provoke(logPrompts: boolean): Promise<{ log: string; degraded: string[] }> {
    await using rig = await startRig({ config: { logPrompts, breaker: { failures: 2, resetMs: 60_000 } } });
    const degraded: string[] = [];
    const asked = async (more: object, init?: RequestInit): Promise<void> => {
      const answer = await ask(rig.url, { ...secretPrompt, ...more }, init);
      degraded.push(answer.body.splitreason?.degraded ?? "");
    };
    await asked({});
    await asked({ stream: true });
    await asked({ temperature: "my zebra" });
    await asked({ model: "my zebra" });
    await asked({ splitreason: { "my zebra": 1 } });
    await asked({}, { body: '{"my zebra' });
    // A server that quotes what it was sent.
    rig.big.fault = () => {
      throw new EngineError('big: 400 "cannot read: my zebra is ill"', { code: "engine-failed" });
    };
    await asked({});
    await asked({});
    await until(() => rig.log.some((line) => line.includes('"health":"down"')));
    degraded.length = 0;
    await asked({});
    rig.small.fault = () => {
      throw new EngineError('small: 400 "cannot read: my zebra is ill"', { code: "engine-failed" });
    };
    await asked({});
    await asked({ stream: true });
    return { log: rig.log.join(""), degraded };
  }

  it("has no word of a prompt and no key, whatever goes wrong; nor does another client's answer", async () => {
    const { log, degraded } = await provoke(false);
    expect(log).toContain('"msg":"request"');
    expect(log).toContain('"trouble":"engine-failed"');
    expect(log).not.toContain("zebra is ill");
    expect(log).not.toContain("abcdefghijklmnop");
    expect(degraded[0]).toContain("it is away (engine-failed)");
    expect(degraded.join("")).not.toContain("zebra");
  });

  it("has prompts and outputs where the operator asks for them, and still no key", async () => {
    const { log } = await provoke(true);
    expect(log).toContain("my zebra is ill");
    expect(log).toContain("ssssss");
    expect(log).not.toContain("abcdefghijklmnop");
  });
});
