/** The trainer while its server is away, silent, full, or loses answers. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { Clock } from "../../src/core/clock.ts";
import { tokenId } from "../../src/core/ids.ts";
import type { Datum } from "../../src/train/trainer.ts";
import { LongWork, Outage, type OutageNews } from "../../src/train/trainers/tinker/outage.ts";
import type { TinkerTrainer } from "../../src/train/trainers/tinker/tinker-trainer.ts";
import { ADAM, connectTo, type ConnectOptions } from "./support/tinker-client.ts";
import {
  cut,
  halfAnArchive,
  hang,
  loseAnswer,
  redirect,
  status,
  TinkerImitation,
  undisturbed,
} from "./support/tinker-imitation.ts";

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

const pathsOf = (path: RegExp): string[] =>
  server.seen.flatMap((one) => (path.test(one.path) ? [one.path] : []));

describe("published weights", () => {
  const unpacked = (): string => join(folder, "unpacked");

  it("are fetched again after what may pass, from the first byte on", async () => {
    const news: OutageNews[] = [];
    const trainer = await connect({ news });
    const published = await trainer.publish();
    server.breakNext("/archive", cut, status(503, "busy"), status(425, "Checkpoint is still being created"));
    server.breakNext("/download", halfAnArchive, cut);
    expect(await published.unpack(unpacked())).toEqual(["adapter_model.safetensors"]);
    // What the first half left there is gone.
    expect(readdirSync(unpacked())).toEqual(["adapter_model.safetensors"]);
    expect(readFileSync(join(unpacked(), "adapter_model.safetensors"), "utf8")).toBe("weights");
    expect(news.map(({ type }) => type)).toEqual(["away", "back"]);
    await published.release();
  });

  it("are waited for while nobody listens, and given up with an error of the trainer's", async () => {
    const trainer = await connect({ patienceMs: 100 });
    const published = await trainer.publish();
    const { port } = server;
    await server.close();
    await expect(published.unpack(unpacked())).rejects.toMatchObject({
      code: "trainer-unavailable",
      retryable: true,
      message: expect.stringContaining("nobody listens there"),
    });
    server = await TinkerImitation.start(port);
  });

  it("that are no archive are fetched three times", async () => {
    const trainer = await connect();
    const published = await trainer.publish();
    const garbage = (response: Parameters<typeof cut>[0]): void =>
      void response.writeHead(200).end("no archive".repeat(100));
    server.breakNext("/download", garbage, garbage, garbage);
    await expect(published.unpack(unpacked())).rejects.toMatchObject({ code: "data-invalid" });
    expect(pathsOf(/\/download$/u)).toHaveLength(3);
    expect(await published.unpack(unpacked())).toEqual(["adapter_model.safetensors"]);
  });

  it("are not asked for again where there are none, or where they cannot be written", async () => {
    const trainer = await connect();
    const published = await trainer.publish();
    server.breakNext("/archive", status(404, "Checkpoint not found: x/y"));
    await expect(published.unpack(unpacked())).rejects.toThrow("Checkpoint not found");
    await expect(published.unpack("/dev/null/unpacked")).rejects.toMatchObject({
      code: "file-unreadable",
    });
    expect(pathsOf(/\/archive$/u)).toHaveLength(2);
  });

  it("may lie elsewhere, which gets no key, and may fail as well", async () => {
    const keys: unknown[] = [];
    let store: Server | undefined;
    try {
      store = createServer((request, response) => {
        keys.push(request.headers["x-api-key"]);
        if (keys.length === 1) response.writeHead(503).end("slow down");
        else response.writeHead(403).end("expired");
      });
      await new Promise<void>((done) => store?.listen(0, "127.0.0.1", done));
      const place = `http://127.0.0.1:${(store.address() as AddressInfo).port}/bucket`;
      const trainer = await connect();
      const published = await trainer.publish();
      server.breakNext("/archive", redirect(place), redirect(place));
      await expect(published.unpack(unpacked())).rejects.toThrow(/403: expired/u);
      expect(keys).toEqual([undefined, undefined]);
    } finally {
      store?.close();
    }
  });
});

describe("divergence", () => {
  it("is what a norm says that is null, and not what one says that is missing", async () => {
    const trainer = await connect();
    server.gradientNorm = null;
    const { gradientNorm } = await trainer.trainStep([datum(1, 2)], "cross_entropy", ADAM);
    expect(gradientNorm).toBeNaN();
    server.gradientNorm = undefined;
    await expect(trainer.trainStep([datum(1, 2)], "cross_entropy", ADAM)).rejects.toThrow(
      "does not say the gradient's norm",
    );
  });

  it("is what log-probabilities say that are not numbers", async () => {
    const trainer = await connect();
    server.logprobOf = () => Number.NaN;
    const diverged = { code: "train-diverged", message: expect.stringContaining("lower the learning rate") };
    await expect(trainer.forward([datum(1, 2)])).rejects.toMatchObject(diverged);
    await expect(trainer.trainStep([datum(1, 2)], "cross_entropy", ADAM)).rejects.toMatchObject(diverged);
  });
});

describe("a backend that was named wrongly", () => {
  it.each([
    ["fsdp", "jax", "backend=jax "],
    ["megatron", "jax", "backend=jax "],
    ["jax", "fsdp", "backend=fsdp or megatron "],
  ] as const)("%s, where the server is %s: no gradient is asked for", async (named, real, advice) => {
    server.backend = real;
    const first = await connect({ backend: named });
    const refused = { code: "train-invalid", message: expect.stringContaining(`give ${advice}in --trainer`) };
    await expect(first.trainStep([datum(1, 2, 3)], "cross_entropy", ADAM)).rejects.toMatchObject(refused);
    await expect(first.optimStep(ADAM)).rejects.toMatchObject(refused);
    await first.close();
    const second = await connect({ backend: named });
    await expect(second.forward([datum(1, 2, 3)])).rejects.toMatchObject(refused);
    expect(
      server.seen.filter(
        ({ path, body }) =>
          path === "/optim_step" || (path === "/forward_backward" && body["forward_only"] !== true),
      ),
    ).toEqual([]);
  });

  it.each(["fsdp", "jax"] as const)("is not found where it is right: %s, asked once", async (backend) => {
    server.backend = backend;
    const trainer = await connect({ backend });
    for (let step = 0; step < 2; step++) await trainer.trainStep([datum(1, 2, 3)], "cross_entropy", ADAM);
    const passes = server.seen.filter(({ path }) => path === "/forward_backward");
    expect(passes.map(({ body }) => body["forward_only"] === true)).toEqual([true, false, false]);
    expect([...server.models.values()]).toEqual([2]);
  });
});

describe("a server with room for one model", () => {
  it.each([0, 4])(
    "is waited for while a killed run's model is there (rank %d), and why is said",
    async (rank) => {
      server.backend = "fsdp";
      server.models.set("model_of_a_killed_run", 3);
      const news: OutageNews[] = [];
      const connecting = connect({ backend: "fsdp", rank, news });
      await expect.poll(() => server.count("/create_model")).toBeGreaterThan(2);
      server.models.delete("model_of_a_killed_run");
      const trainer = await connecting;
      expect([...server.models.keys()]).toEqual([trainer.modelId]);
      expect(news.map(({ type }) => type)).toEqual(["away", "back"]);
      expect(news[0]).toMatchObject({ reason: expect.stringContaining("holds another model") });
    },
  );

  it("is not waited for longer than patience lasts", async () => {
    server.backend = "fsdp";
    server.models.set("model_of_a_killed_run", 3);
    await expect(connect({ backend: "fsdp", patienceMs: 60 })).rejects.toMatchObject({
      code: "trainer-unavailable",
      message: expect.stringContaining("holds another model"),
    });
  });

  it("that made a model whose id was lost is asked in another session, so that the first one ends", async () => {
    server.backend = "fsdp";
    server.breakNext("/create_model", loseAnswer);
    const connecting = connect({ backend: "fsdp", heartbeatMs: 10 });
    await expect.poll(() => server.count("/create_session")).toBe(2);
    const beatsOf = (session: unknown): number =>
      server.seen.filter(({ path, body }) => path === "/session_heartbeat" && body["session_id"] === session)
        .length;
    const [first] = server.seen.flatMap(({ path, body }) =>
      path === "/create_model" ? [body["session_id"]] : [],
    );
    const before = beatsOf(first);
    server.endSession(String(first));
    const trainer = await connecting;
    expect([...server.models.keys()]).toEqual([trainer.modelId]);
    expect(beatsOf(first)).toBeLessThanOrEqual(before + 1);
  });

  it("gets a new model to load into when an answer to loading was lost", async () => {
    server.backend = "fsdp";
    const trainer = await connect({ backend: "fsdp" });
    await trainer.trainStep([datum(1, 2)], "cross_entropy", ADAM);
    await trainer.save(join(folder, "state"));
    server.breakNext("/load_weights", loseAnswer);
    await trainer.load(join(folder, "state"));
    expect([...server.models]).toEqual([[trainer.modelId, 1]]);
    expect(server.count("/load_weights")).toBe(3);
  });

  it("is given up when answers to loading are lost each time", async () => {
    const trainer = await connect();
    await trainer.save(join(folder, "state"));
    server.breakNext("/load_weights", loseAnswer, undisturbed, loseAnswer, undisturbed, loseAnswer);
    await expect(trainer.load(join(folder, "state"))).rejects.toThrow("answers were lost");
  });
});

describe("waiting", () => {
  const clockOf = () => {
    let nowMs = 0;
    return { clock: { nowMs: () => nowMs, isoNow: () => "" }, pass: (ms: number) => void (nowMs += ms) };
  };

  it("is told of at once, then every 15 s, whether the server comes and goes or not", () => {
    const { clock, pass } = clockOf();
    const news: OutageNews[] = [];
    const outage = new Outage(clock, 600_000, (one) => news.push(one));
    for (let second = 0; second < 31; second++) {
      outage.failed("nobody listens there");
      // It answers something else in between.
      if (second % 10 === 5) outage.answered();
      pass(1_000);
    }
    const away = news.filter(({ type }) => type === "away");
    expect(away).toHaveLength(3);
    expect(away[0]).toMatchObject({ isFirst: true, awayMs: 0 });
    expect(away[1]).toMatchObject({ isFirst: true });
  });

  it("for a long work is told of after two minutes, then rarely, by one of many", () => {
    const { clock, pass } = clockOf();
    const news: OutageNews[] = [];
    const work = new LongWork(clock, (one) => news.push(one));
    for (let minute = 0; minute <= 20; minute++) {
      for (let request = 0; request < 3; request++) work.still("sampling", 0);
      pass(60_000);
    }
    expect(news.map((one) => one.type === "at-work" && one.forMs / 60_000)).toEqual([2, 4, 8, 16]);
  });

  it("continues without an end while heartbeats arrive", async () => {
    const news: OutageNews[] = [];
    // A minute passes in 10 ms.
    const clock: Clock = { nowMs: () => performance.now() * 6_000, isoNow: () => "" };
    const trainer = await connect({ news, clock, heartbeatMs: 10, answerTimeoutMs: 100, patienceMs: 1_000 });
    server.breakNext("/retrieve_future", hang, hang, hang, hang, hang);
    await trainer.forward([datum(1, 2)]);
    expect(news[0]).toMatchObject({ type: "at-work", what: "a forward pass" });
    expect(news.filter(({ type }) => type === "away")).toEqual([]);
  });

  it("ends with patience when they do not", async () => {
    const news: OutageNews[] = [];
    const trainer = await connect({ news, heartbeatMs: 20, answerTimeoutMs: 100, patienceMs: 600 });
    // Submitted, and then nothing more is heard.
    const silent = () => {
      server.isHung = true;
    };
    server.breakNext("/retrieve_future", silent);
    await expect(trainer.forward([datum(1, 2)])).rejects.toMatchObject({
      code: "trainer-unavailable",
      message: expect.stringContaining("no answer came in time"),
    });
    expect(news).toContainEqual(
      expect.objectContaining({ type: "away", reason: "no answer came in time (UND_ERR_HEADERS_TIMEOUT)" }),
    );
    server.isHung = false;
  });
});

it("deletes the states of the run that it continues from in turn", async () => {
  const first = await connect();
  for (const name of ["a", "b"]) await first.save(join(folder, name));
  const second = await connect();
  await second.load(join(folder, "b"));
  for (const name of ["c", "d"]) await second.save(join(folder, name));
  const stateOf = (name: string): string =>
    (JSON.parse(readFileSync(join(folder, name, "tinker.json"), "utf8")) as { path: string }).path;
  const deleted = pathsOf(/^\/training_runs\/.*\/checkpoints\/weights\//u);
  expect(deleted).toEqual(
    ["a", "b"].map((name) => stateOf(name).replace(/^tinker:\/\/([^/]+)/u, "/training_runs/$1/checkpoints")),
  );
});
