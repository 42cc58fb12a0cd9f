/** Limits: what is too large, too many or too long is refused, says so, and changes nothing. */
import { describe, expect, it } from "vitest";

import { sleep } from "../../../src/core/async.ts";
import { slow } from "../../../src/engines/scripted/index.ts";
import { ANSWER, ask, body, joined, said, startRig, until } from "./rig.ts";

describe("the limits", () => {
  it("on a body: 413, and it is not read to its end", async () => {
    await using rig = await startRig({ config: { limits: { bodyBytes: 2_000 } } });
    const large = body({ user: "x".repeat(3_000) });
    const answer = await ask(rig.url, {}, { body: large });
    expect(answer.status).toBe(413);
    expect(answer.body.error).toMatchObject({ type: "invalid_request_error" });
    // Without a length that says so beforehand, and far more than the limit.
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await sleep(1);
        sent += 4_096;
        if (sent > 4_096 * 2_000) controller.close();
        else controller.enqueue(new Uint8Array(4_096).fill(32));
      },
    });
    const init = { body: endless, duplex: "half" } as RequestInit;
    const status = await ask(rig.url, {}, init).then(
      (refused) => refused.status,
      () => "cut off",
    );
    expect([413, "cut off"]).toContain(status);
    expect(sent).toBeLessThan(4_096 * 1_000);
    expect(rig.small.calls).toBe(0);
    expect((await ask(rig.url)).status).toBe(200);
  });

  it("on the prompt, on the context, on the tokens and on the choices: 400 that names the field", async () => {
    await using rig = await startRig({
      contextSize: 400,
      config: { limits: { promptTokens: 150, maxTokens: 100, choices: 2 } },
    });
    const long = (length: number) => ({ messages: [{ role: "user", content: "w".repeat(length) }] });
    for (const [fields, param] of [
      [long(200), "messages"],
      [long(5_000), "messages"],
      [{ max_tokens: 101 }, "max_tokens"],
      [{ n: 3 }, "n"],
    ] as const) {
      const answer = await ask(rig.url, fields);
      expect([answer.status, answer.body.error]).toMatchObject([
        400,
        { param, type: "invalid_request_error" },
      ]);
    }
    expect(rig.small.drawn + rig.big.drawn).toBe(0);
    expect((await ask(rig.url, { n: 2 })).body.choices).toHaveLength(2);
  });

  it("on requests: as many run as may, as many wait as may, the next gets 429 with Retry-After", async () => {
    await using rig = await startRig({ config: { limits: { concurrent: 2, choices: 2, queue: 1 } } });
    rig.small.fault = slow(5);
    const admitted = [0, 1, 2].map(() => ask(rig.url));
    await until(() => rig.small.open === 2);
    await sleep(20);
    const metrics = await (await fetch(`${rig.url}/metrics`)).text();
    expect(metrics).toContain("splitreason_requests_running 2\n");
    expect(metrics).toContain("splitreason_requests_waiting 1\n");
    const refused = await ask(rig.url);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(refused.body.error).toMatchObject({ type: "rate_limit_error" });
    for (const answer of await Promise.all(admitted)) expect(said(answer).content).toBe(ANSWER);
    expect(rig.small.open).toBe(0);
  });

  it("on the wait: 503 with Retry-After", async () => {
    await using rig = await startRig({
      config: { limits: { concurrent: 1, choices: 1, queue: 5, queueTimeoutMs: 50 } },
    });
    rig.small.fault = slow(20);
    const running = ask(rig.url);
    await until(() => rig.small.open === 1);
    const refused = await ask(rig.url);
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    rig.small.fault = undefined;
    expect((await running).status).toBe(200);
  });

  it("on a request's life: 504, or the end of its stream with an error; its models stop", async () => {
    await using rig = await startRig({ config: { limits: { requestTimeoutMs: 3_000 } } });
    rig.small.fault = slow(400);
    const late = await ask(rig.url);
    expect(late.status).toBe(504);
    const stream = joined((await ask(rig.url, { stream: true })).text);
    expect(stream).toMatchObject({ done: false, error: { code: "request_timeout" } });
    await until(() => rig.small.open + rig.big.open === 0);
    rig.small.fault = undefined;
    expect((await ask(rig.url)).status).toBe(200);
    // A limit of the gateway is not a failure of the models.
    expect(rig.log.some((line) => line.includes('"health":"down"'))).toBe(false);
  });
});
