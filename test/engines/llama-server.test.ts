/** The shipped pair on a real llama.cpp server, by our own HTTP engines. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { textPiece } from "../../src/core/piece.ts";
import { SplitDecoder, collect, learned } from "../../src/decode/index.ts";
import { MICRO_PAIR, type PairConfig } from "../../src/decode/pair/pair-config.ts";
import { Pair } from "../../src/decode/pair/pair.ts";
import type { Engine, GenerateOptions } from "../../src/engines/engine.ts";
import { openEngine } from "../../src/engines/open/open-engine.ts";
import { microExample } from "../../src/micro/index.ts";
import { LLAMA_SERVER_TIMEOUT_MS, type LlamaServer, startLlamaServer } from "../support/llama-server.ts";

const PROBLEMS = Array.from({ length: 12 }, (_, index) => microExample("test", 11, index).text);
const MODELS = ["small", "big"] as const;

interface Way {
  readonly title: string;
  readonly query: string;
  /** Whether the servers run with `--special`. */
  readonly special: boolean;
}

const tokenizerOf = (name: string) => `tokenizer=models/micro/${name}/tokenizer.json`;
const WAYS: readonly Way[] = [
  { title: "llamacpp, the server's tokenizer", query: "dialect=llamacpp", special: false },
  { title: "llamacpp, a tokenizer file", query: "dialect=llamacpp&tokenizer", special: false },
  { title: "openai, a tokenizer file", query: "dialect=openai&tokenizer", special: true },
];

/** Servers of both models, without `--special` and with it. */
const servers = new Map<string, LlamaServer>();
const serverOf = (name: string, special: boolean): LlamaServer => {
  const server = servers.get(`${name} ${special}`);
  if (server === undefined) throw new Error(`no server has ${name}`);
  return server;
};
const specOf = (name: string, { query, special }: Pick<Way, "query" | "special">): string =>
  `openai:${serverOf(name, special).url}/v1#${name}?probe=every&template=chatml&` +
  query.replace(/tokenizer$/u, tokenizerOf(name));

beforeAll(async () => {
  for (const special of [false, true]) {
    for (const name of MODELS) {
      const path = `models/micro/${name}/model.gguf`;
      servers.set(`${name} ${special}`, await startLlamaServer(path, { name, special }));
    }
  }
}, LLAMA_SERVER_TIMEOUT_MS);
afterAll(async () => {
  await Promise.all([...servers.values()].map((server) => server.kill()));
});

async function solve(pair: Pair, problem: string, sampling = { temperature: 0, seed: 1 }) {
  const { segments, usage, finishReason } = await collect(
    new SplitDecoder(pair).decode({
      ...pair.render([{ role: "user", content: problem }]),
      policy: learned(),
      limits: { maxTokens: 300 },
      sampling,
    }),
  );
  const trace = segments.map(({ author, text, end }) => `${author} ${end}: ${text}`);
  return { trace: [...trace, finishReason], usage };
}

describe("the split trace over a real llama.cpp server", { timeout: 240_000 }, () => {
  const wanted: (readonly string[])[] = [];
  beforeAll(async () => {
    await using pair = await Pair.open(MICRO_PAIR, { threads: 1, sequences: 1 });
    for (const problem of PROBLEMS) wanted.push((await solve(pair, problem)).trace);
  });

  it("has hand-overs to compare", () => {
    expect(wanted.flat().filter((line) => line.startsWith("big close-prediction")).length).toBeGreaterThan(
      10,
    );
  });

  it.each(WAYS)("equals the embedded one at temperature 0: $title", async (way) => {
    const config: PairConfig = { ...MICRO_PAIR, small: specOf("small", way), big: specOf("big", way) };
    await using pair = await Pair.open(config, {});
    for (const [index, problem] of PROBLEMS.entries()) {
      expect((await solve(pair, problem)).trace).toEqual(wanted[index]);
    }
    for (const name of MODELS) await expect.poll(() => serverOf(name, way.special).busy()).toBe(0);
  });
});

describe.each(WAYS)("a real llama.cpp server: $title", { timeout: 120_000 }, (way) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(specOf("big", way));
  });
  afterAll(async () => {
    await engine.close();
  });

  const prompt = [textPiece("Start with 347. First, add 85.")];
  const write = async (options: Partial<GenerateOptions>, signal?: AbortSignal) => {
    await using sequence = await engine.open();
    await sequence.append(prompt);
    let text = "";
    const sampling = { temperature: 1, seed: 1 };
    for await (const event of sequence.generate({ maxTokens: 40, sampling, ...options }, signal)) {
      if (event.type === "end") return { text, end: event };
      text += event.text;
    }
    throw new Error("there was no end");
  };

  it("gives the same text for the same seed, and others for others", async () => {
    const seeded = async (seed: number) => (await write({ sampling: { temperature: 1.5, seed } })).text;
    expect(await seeded(7)).toBe(await seeded(7));
    expect(new Set([await seeded(1), await seeded(2), await seeded(3)]).size).toBe(3);
  });

  it("stops at a text, which is not part of the output", async () => {
    const greedy = { temperature: 0, seed: 1 };
    const { text } = await write({ sampling: greedy });
    const stop = text.slice(8, 11);
    const stopped = await write({ sampling: greedy, stop: [stop] });
    expect(stopped).toMatchObject({
      text: text.slice(0, text.indexOf(stop)),
      end: { reason: "stop", marker: stop },
    });
  });

  it("stops decoding when the generation is left, by break or by signal", async () => {
    const server = serverOf("big", way.special);
    const before = (await server.work()).decoded;
    await using sequence = await engine.open();
    await sequence.append(prompt);
    const options = { maxTokens: 400, sampling: { temperature: 1, seed: 5 } };
    for await (const _ of sequence.generate(options)) break;
    await expect.poll(() => server.busy()).toBe(0);
    const controller = new AbortController();
    await expect(
      (async () => {
        for await (const _ of sequence.generate(options, controller.signal)) controller.abort();
      })(),
    ).rejects.toMatchObject({ code: "aborted" });
    await expect.poll(() => server.busy()).toBe(0);
    expect((await server.work()).decoded - before).toBeLessThan(400);
  });

  it("reads a growing context once, by the server's own count", async () => {
    const server = serverOf("big", way.special);
    await using sequence = await engine.open();
    // Unlike any other text here, so that no slot knows it.
    await sequence.append([textPiece(`Note ${way.title}: then 12, then 34, and so on.`)]);
    const before = await server.work();
    for (let step = 0; step < 8; step++) {
      await sequence.append([textPiece(` Step ${step}: add ${step * 37} to what there is.`)]);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    // Most of it was read before anything was to be decoded: that is what warm-ups are for.
    expect(engine.capabilities.prefill).toBe(true);
    await expect
      .poll(async () => (await server.work()).prefilled - before.prefilled)
      .toBeGreaterThan(sequence.position / 2);
    for await (const _ of sequence.generate({ maxTokens: 1, sampling: { temperature: 0, seed: 1 } }));
    const after = await server.work();
    const read = after.prefilled - before.prefilled;
    // Of all, the last token before each request is read again; and a warm-up may cost one decoded token.
    expect(read).toBeLessThan(sequence.position * 1.3);
    expect(after.decoded - before.decoded).toBeLessThanOrEqual(10);
  });
});
