/** The trainer on a server against a server in this process, with faults to order. */
import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { tokenId } from "../../src/core/ids.ts";
import { createRng } from "../../src/core/rng.ts";
import { loopConfigSchema, runSupervised } from "../../src/train/supervised/loop.ts";
import type { Datum } from "../../src/train/trainer.ts";
import type { OutageNews } from "../../src/train/trainers/tinker/outage.ts";
import { TinkerTrainer } from "../../src/train/trainers/tinker/tinker-trainer.ts";
import { TinkerTransport } from "../../src/train/trainers/tinker/transport.ts";
import { ADAM, connectTo, type ConnectOptions } from "./support/tinker-client.ts";
import { cut, logprobRule, status, TinkerImitation } from "./support/tinker-imitation.ts";

let server: TinkerImitation;
let folder: string;
const opened: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  server = await TinkerImitation.start();
  folder = mkdtempSync(join(tmpdir(), "splitreason-tinker-"));
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const connect = (options: ConnectOptions = {}): Promise<TinkerTrainer> =>
  connectTo(server.url, opened, options);

const datum = (...ids: readonly number[]): Datum => ({
  tokens: ids.slice(0, -1).map(tokenId),
  targets: ids.slice(1).map(tokenId),
  weights: ids.slice(1).map(() => 0.5),
});

describe("a trainer on a server", () => {
  it("asks again after what may pass, under the same sequence number, and does nothing twice", async () => {
    const news: OutageNews[] = [];
    const trainer = await connect({ news });
    server.breakNext("/forward_backward", status(503, "busy"), status(429, "slow down"), cut);
    server.breakNext("/retrieve_future", status(408), status(408), cut, status(502));
    server.breakNext("/optim_step", status(500, "locked"));
    const result = await trainer.trainStep([datum(3, 4, 5)], "cross_entropy", ADAM);
    expect([...(result.logprobs[0] ?? [])]).toEqual([4, 5].map((id) => Math.fround(logprobRule(id, 0))));
    expect(result.gradientNorm).toBe(2);
    expect([...server.models.values()]).toEqual([1]);
    const sequences = server.seen
      .filter(({ path }) => path === "/forward_backward")
      .map(({ body }) => body["seq_id"]);
    expect(sequences).toEqual([1, 1, 1, 1]);
    expect(news.map(({ type }) => type)).toContain("away");
    expect(news.at(-1)).toMatchObject({ type: "back" });
  });

  it("has both parts of a step under way before either is done, the pass first", async () => {
    const trainer = await connect();
    server.seen.length = 0;
    await trainer.trainStep([datum(3, 4, 5)], "cross_entropy", ADAM);
    const paths = server.seen.map(({ path }) => path);
    expect(paths.indexOf("/forward_backward")).toBeLessThan(paths.indexOf("/optim_step"));
    expect(paths.filter((path) => path !== "/retrieve_future")).toEqual(["/forward_backward", "/optim_step"]);
  });

  it("waits as long as a server says it should", async () => {
    const trainer = await connect();
    server.breakNext("/forward_backward", status(429, "slow down", { "retry-after": "1" }));
    const startMs = performance.now();
    await trainer.forward([datum(1, 2)]);
    expect(performance.now() - startMs).toBeGreaterThan(950);
  });

  it("submits again what a server let expire (410)", async () => {
    const trainer = await connect();
    server.breakNext("/retrieve_future", status(410, "expired"));
    await trainer.forward([datum(1, 2)]);
    expect(server.count("/forward_backward")).toBe(2);
  });

  it.each([
    [401, "key-env"],
    [403, "key-env"],
    [422, "422"],
    [409, "sequence number"],
  ])("gives up at once after %d", async (code, message) => {
    const trainer = await connect();
    server.breakNext("/forward_backward", status(code, "no"));
    await expect(trainer.forward([datum(1, 2)])).rejects.toThrow(message);
    expect(server.count("/forward_backward")).toBe(1);
  });

  it("gives a server that fails every time six chances", async () => {
    const trainer = await connect();
    server.breakNext("/forward_backward", ...Array.from({ length: 9 }, () => status(500, "broken")));
    await expect(trainer.forward([datum(1, 2)])).rejects.toMatchObject({ code: "trainer-unavailable" });
    expect(server.count("/forward_backward")).toBe(6);
  });

  it("says what a request failed of", async () => {
    const trainer = await connect();
    server.breakNext("/retrieve_future", status(400, "out of memory"));
    await expect(trainer.forward([datum(1, 2)])).rejects.toThrow(/forward pass failed.*out of memory/u);
  });

  it("waits for a server that is away, says so, and gives up in the end; or stops when told to", async () => {
    const news: OutageNews[] = [];
    const stop = new AbortController();
    const impatient = await connect({ patienceMs: 120, news });
    const stopped = await connect({ patienceMs: 60_000, signal: stop.signal });
    const { port } = server;
    await server.close();
    await expect(impatient.forward([datum(1, 2)])).rejects.toMatchObject({
      code: "trainer-unavailable",
      retryable: true,
      message: expect.stringMatching(/nobody listens there.*run the same command/u),
    });
    expect(news[0]).toMatchObject({ type: "away", patienceMs: 120 });
    const waiting = stopped.forward([datum(1, 2)]);
    setTimeout(() => stop.abort(), 50);
    await expect(waiting).rejects.toMatchObject({ code: "aborted" });
    server = await TinkerImitation.start(port);
  });

  it("keeps its session alive by a timer of its own", async () => {
    await connect({ heartbeatMs: 20 });
    server.breakNext("/session_heartbeat", status(500), cut);
    await expect.poll(() => server.count("/session_heartbeat"), { timeout: 20_000 }).toBeGreaterThan(4);
  });

  it("cuts what is too much for a request, and puts the answers together", async () => {
    const trainer = await connect();
    const many = Array.from({ length: 1_500 }, (_, index) => datum(1, 2, index % 50));
    const { logprobs } = await trainer.forward(many);
    expect(logprobs.map((list) => list[1])).toEqual(
      many.map((_, index) => Math.fround(logprobRule(index % 50, 0))),
    );
    const long = Array.from({ length: 12 }, () =>
      datum(...Array.from({ length: 30_000 }, (_, at) => at % 90)),
    );
    await trainer.forward(long);
    const passes = server.seen.filter(({ path }) => path === "/forward_backward");
    expect(passes.slice(0, 2).map(({ datums }) => datums)).toEqual([1_024, 476]);
    expect(passes.slice(2).reduce((sum, { datums }) => sum + datums, 0)).toBe(12);
    expect(passes.length).toBeGreaterThan(3);
    for (const { bytes } of passes) expect(bytes).toBeLessThanOrEqual(5_000_000);
    const ids = Array.from({ length: 400_000 }, () => tokenId(1));
    const huge: Datum = { tokens: ids, targets: ids, weights: ids.map(() => 1) };
    await expect(trainer.forward([huge])).rejects.toThrow("5000000");
  });

  it("saves under a name of its own each time it tries", async () => {
    const trainer = await connect();
    server.breakNext("/save_weights", cut);
    await trainer.save(join(folder, "state"));
    const [lost, kept] = server.seen
      .filter(({ path }) => path === "/save_weights")
      .map(({ body }) => body["path"]);
    expect(kept).not.toBe(lost);
    const pointer: unknown = JSON.parse(await readFile(join(folder, "state", "tinker.json"), "utf8"));
    expect(pointer).toMatchObject({ path: expect.stringContaining(String(kept)), base: "tiny", rank: 4 });
  });

  it("keeps two states on the server", async () => {
    const trainer = await connect();
    for (const name of ["a", "b", "c", "d"]) await trainer.save(join(folder, name));
    expect(server.seen.filter(({ path }) => /checkpoints\/weights\/state/u.test(path))).toHaveLength(2);
  });

  it("refuses a checkpoint of another model or trainer", async () => {
    const trainer = await connect();
    await trainer.save(join(folder, "state"));
    await expect(trainer.load(join(folder, "nothing"))).rejects.toThrow(
      "not a checkpoint of a trainer server",
    );
  });

  it("says when the server has lost its model", async () => {
    const trainer = await connect();
    server.forgetModels();
    await expect(trainer.forward([datum(1, 2)])).rejects.toMatchObject({
      code: "trainer-lost",
      retryable: true,
    });
  });

  it("continues from its run folder after a stop, with the steps that were done", async () => {
    const config = loopConfigSchema.parse({ steps: 4, warmupSteps: 0, logEvery: 1, checkpointEvery: 2 });
    const stop = new AbortController();
    const run = async (signal?: AbortSignal) =>
      runSupervised({
        config,
        trainer: await connect(),
        batch: (step) => [datum(step, step + 1, 9)],
        folder,
        header: { identity: "x", provenance: {} },
        onStep: ({ step }) => step === 3 && stop.abort(),
        ...(signal === undefined ? {} : { signal }),
      });
    expect(await run(stop.signal)).toMatchObject({ status: "interrupted", step: 3 });
    expect(await run()).toMatchObject({ status: "done", step: 4 });
    expect(Math.max(...server.models.values())).toBe(4);
    expect(server.count("/load_weights")).toBe(1);
  });

  it("sends targets that are not next tokens by themselves where a server knows no others", async () => {
    const odd: Datum = { ...datum(1, 2, 3, 4), targets: [2, 6, 4].map(tokenId) };
    for (const backend of ["fsdp", "hosted"] as const) {
      const trainer = await connect({ backend });
      const { logprobs } = await trainer.forward([odd]);
      expect([...(logprobs[0] ?? [])]).toEqual([2, 6, 4].map((id) => Math.fround(logprobRule(id, 0))));
      expect(server.seen.filter(({ path }) => path === "/forward_backward").at(-1)?.datums).toBe(
        backend === "fsdp" ? 2 : 1,
      );
    }
  });

  it("has nothing to do with a server that has another model", async () => {
    const transport = new TinkerTransport({
      url: server.url,
      key: undefined,
      patienceMs: 100,
      rng: createRng(1),
    });
    const wanted = { transport, backend: "jax", model: { base: "other", rank: 4, seed: 1 } } as const;
    await expect(TinkerTrainer.connect(wanted)).rejects.toThrow("has tiny, not other");
    await transport.close();
  });
});
