/** A client that leaves, and one that reads slowly. What the models did is counted by the models. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { describe, expect, it } from "vitest";

import { sleep } from "../../../src/core/async.ts";
import { slow } from "../../../src/engines/scripted/index.ts";
import { FLOOD_TEXT, FLOOD_TOKENS, FloodEngine } from "./flood-engine.ts";
import { ANSWER, ask, openRequest, type Rig, said, SPLIT_REASONING, startRig, until } from "./rig.ts";

/** Nothing is decoded any more, and nothing is held. */
async function isQuiet(rig: Rig): Promise<void> {
  await until(() => rig.small.open + rig.big.open === 0);
  const calls = [rig.small.calls, rig.big.calls];
  await sleep(60);
  expect([rig.small.calls, rig.big.calls]).toEqual(calls);
  const metrics = await (await fetch(`${rig.url}/metrics`)).text();
  expect(metrics).toContain("splitreason_requests_running 0\n");
}

describe("a client that leaves", () => {
  it.each([
    ["a stream, while the small model writes", true, "small"],
    ["a stream, while the big model writes", true, "big"],
    ["an answer in one piece", false, "big"],
  ] as const)("%s: both models stop at once", async (_, stream, writer) => {
    await using rig = await startRig();
    // Some 50 tokens at 20 ms each: far from done when the client leaves.
    rig[writer].fault = slow(20);
    const asking = openRequest(rig.url, { stream });
    asking.catch(() => {});
    await until(() => rig[writer].drawn >= 3);
    const controller = new AbortController();
    if (stream) {
      (await asking).leave();
    } else {
      const left = fetch(`${rig.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "splitreason", messages: [{ role: "user", content: "?" }] }),
        signal: controller.signal,
      });
      left.catch(() => {});
      await until(() => rig[writer].drawn >= 6);
      controller.abort();
      asking.then(({ leave }) => leave()).catch(() => {});
      await expect(left).rejects.toThrow();
      rig[writer].fault = undefined;
      await asking;
    }
    const drawn = rig[writer].drawn;
    await isQuiet(rig);
    if (stream) {
      // At most the tokens that were being drawn when it left.
      expect(rig[writer].drawn - drawn).toBeLessThanOrEqual(2);
      expect(rig.log.some((line) => line.includes('"status":499'))).toBe(true);
    }
    rig[writer].fault = undefined;
    expect(said(await ask(rig.url))).toMatchObject({ reasoning: SPLIT_REASONING, content: ANSWER });
    // Leaving is not held against the models.
    expect(rig.log.some((line) => line.includes('"health":"down"'))).toBe(false);
  });

  it("leaves the queue: its place goes to the next", async () => {
    await using rig = await startRig({ config: { limits: { concurrent: 1, choices: 1, queue: 1 } } });
    rig.small.fault = slow(10);
    const running = ask(rig.url);
    await until(() => rig.small.calls > 0);
    const controller = new AbortController();
    const waiting = ask(rig.url, {}, { signal: controller.signal });
    waiting.catch(() => {});
    await sleep(30);
    expect((await ask(rig.url)).status).toBe(429);
    controller.abort();
    await expect(waiting).rejects.toThrow();
    await sleep(30);
    const next = ask(rig.url);
    rig.small.fault = undefined;
    expect((await running).status).toBe(200);
    expect((await next).status).toBe(200);
    await isQuiet(rig);
  });
});

describe("a client that reads slowly", () => {
  it("slows the models down: they wait, and memory does not grow", async () => {
    const flood = new FloodEngine();
    await using rig = await startRig({
      smallEngine: flood,
      config: { limits: { maxTokens: FLOOD_TOKENS } },
    });
    const before = memoryBytes();
    const readers = await Promise.all(
      Array.from({ length: 4 }, () => openRequest(rig.url, { stream: true, max_tokens: FLOOD_TOKENS })),
    );
    for (const { response } of readers) expect(response.statusCode).toBe(200);
    // A first read, then none.
    for (const { response } of readers) response.once("data", () => response.pause());
    let written = -1;
    await expect
      .poll(
        () => {
          const isStill = flood.written > 0 && flood.written === written;
          written = flood.written;
          return isStill;
        },
        { timeout: 60_000, interval: 500 },
      )
      .toBe(true);
    // What the system's sockets hold and a little more, of 4 GiB that the models would write.
    const megabytesWritten = (written * FLOOD_TEXT.length) / 2 ** 20;
    const megabytesKept = (memoryBytes() - before) / 2 ** 20;
    expect(megabytesWritten).toBeLessThan(4 * 16);
    expect(megabytesKept).toBeLessThan(64);
    // They continue as soon as somebody reads again.
    readers[0]?.response.resume();
    await until(() => flood.written > written + 1_000);
    for (const { leave } of readers) leave();
    await until(() => flood.openSequences === 0);
    const end = flood.written;
    await sleep(100);
    expect(flood.written).toBe(end);
  }, 120_000);
});

/** Bytes that are held. It collects garbage first, since uncollected objects count too. */
function memoryBytes(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
