import { describe, expect, it, vi } from "vitest";

import { engineConformance } from "../../../test/conformance/engine.ts";
import { ConfigError, EngineError } from "../../core/errors.ts";
import { textPiece } from "../../core/piece.ts";
import {
  randomModel,
  ScriptedEngine,
  type ScriptedHook,
  testTokenizer,
} from "../../engines/scripted/index.ts";
import {
  type EngineHealth,
  guardEngine,
  type GuardedEngine,
  type GuardOptions,
  healthOf,
} from "./guarded-engine.ts";

const tokenizer = testTokenizer();
const quiet = { "<|im_end|>": -100, "<bigmodel>": -2, "</bigmodel>": -2 };

const conforming = () =>
  new ScriptedEngine({ next: randomModel({ boost: quiet }), tokenizer, slots: 6, contextSize: 2048 });
engineConformance("guarded scripted engine", {
  makeEngine: async () => {
    const guarded = guardEngine(async () => conforming(), { name: "x" });
    await guarded.start();
    return guarded;
  },
  capabilities: conforming().capabilities,
  slots: 6,
  open: "<bigmodel>",
  close: "</bigmodel>",
  endOfTurn: "<|im_end|>",
  bytes: (id) => tokenizer.bytes(id),
  tolerance: 1e-9,
});

interface Rig {
  readonly guarded: GuardedEngine;
  /** What the model does at the next calls. */
  fault: ScriptedHook | undefined;
  /** Makes opening fail. */
  away: EngineError | ConfigError | undefined;
  readonly healths: EngineHealth[];
  readonly opened: ScriptedEngine[];
}

function rig(options: Partial<GuardOptions> = {}): Rig {
  const healths: EngineHealth[] = [];
  const opened: ScriptedEngine[] = [];
  const state: { fault: ScriptedHook | undefined; away: EngineError | ConfigError | undefined } = {
    fault: undefined,
    away: undefined,
  };
  const guarded = guardEngine(
    async () => {
      if (state.away !== undefined) throw state.away;
      const engine = new ScriptedEngine({
        next: () => "a",
        name: "real",
        hook: (call) => state.fault?.(call),
      });
      opened.push(engine);
      return engine;
    },
    {
      name: "spec",
      failures: 2,
      resetMs: 20,
      onHealth: (health) => healths.push(health),
      ...options,
    },
  );
  return Object.assign(state, { guarded, healths, opened });
}

const gone = (model = "spec"): EngineError =>
  new EngineError(`${model}: connection refused by 10.0.0.1`, {
    code: "engine-unavailable",
    retryable: true,
  });
const dies = (): never => {
  throw new EngineError('the server says: bad prompt "my secret"', { code: "engine-failed" });
};

/** Reads a prompt and writes `tokens` tokens. */
async function use(guarded: GuardedEngine, tokens = 3): Promise<string> {
  await using sequence = await guarded.open();
  await sequence.append([textPiece("x")]);
  let text = "";
  for await (const event of sequence.generate({ maxTokens: tokens, sampling: { temperature: 0, seed: 1 } })) {
    if (event.type === "token") text += event.text;
  }
  return text;
}

const until = (condition: () => boolean): Promise<void> =>
  vi.waitFor(() => expect(condition()).toBe(true), { timeout: 5_000, interval: 5 });

describe("a guarded engine", () => {
  it("is what it guards, once it is open", async () => {
    const { guarded } = rig({ templateUntilOpen: "plain" });
    expect([guarded.model, guarded.health(), guarded.chatTemplate]).toEqual(["spec", "recovering", "plain"]);
    await expect(guarded.open()).rejects.toMatchObject({ code: "engine-unavailable", retryable: false });
    await guarded.start();
    expect([guarded.model, guarded.health(), healthOf(guarded)]).toEqual(["real", "up", "up"]);
    expect(guarded.chatTemplate).toBeUndefined();
    expect(await use(guarded)).toBe("aaa");
    expect(guarded.openSequences).toBe(0);
    await guarded.close();
    await expect(guarded.open()).rejects.toMatchObject({ code: "engine-closed" });
  });

  it("may be away at the start, and is opened when it is there", async () => {
    const state = rig();
    state.away = gone();
    await state.guarded.start();
    await until(() => state.guarded.health() === "down");
    const before = state.guarded.vocabulary;
    await expect(state.guarded.open()).rejects.toThrow(
      /spec: it is away \(spec: connection refused by 10\.0\.0\.1\)/u,
    );
    state.away = undefined;
    await until(() => state.guarded.health() === "up");
    expect(state.guarded.vocabulary).not.toBe(before);
    expect(await use(state.guarded)).toBe("aaa");
    expect(state.healths.at(-1)).toBe("up");
    await state.guarded.close();
  });

  it("does not start with what waiting does not cure", async () => {
    const state = rig();
    state.away = new ConfigError("no such spec", { code: "config-invalid" });
    await expect(state.guarded.start()).rejects.toThrow("no such spec");
    const picky = rig({
      accept: () => {
        throw new ConfigError("no template", { code: "config-invalid" });
      },
    });
    await expect(picky.guarded.start()).rejects.toThrow("no template");
    expect(picky.opened[0]?.openSequences).toBe(0);
    await expect(picky.opened[0]?.open()).rejects.toMatchObject({ code: "engine-closed" });
  });

  it("is left alone after failures in a row, and tried again by itself", async () => {
    const state = rig();
    const { guarded } = state;
    await guarded.start();
    state.fault = dies;
    await expect(use(guarded)).rejects.toThrow();
    expect(guarded.health()).toBe("up");
    await expect(use(guarded)).rejects.toThrow();
    await until(() => guarded.health() === "down");
    const calls = state.opened.map(({ log }) => log.length);
    const refused = guarded.open();
    await expect(refused).rejects.toMatchObject({ code: "engine-unavailable", retryable: true });
    // What the server said to one request is not told to another.
    await expect(refused).rejects.toThrow(/it is away \(engine-failed\)/u);
    expect(state.opened.map(({ log }) => log.length)).toEqual(calls);
    // An attempt fails as well; the attempts continue.
    await until(() => state.opened.length > 1);
    expect(guarded.health()).not.toBe("up");
    state.fault = undefined;
    await until(() => guarded.health() === "up");
    expect(await use(guarded)).toBe("aaa");
    expect(state.healths.slice(0, 3)).toEqual(["up", "down", "recovering"]);
    await guarded.close();
  });

  it("counts one that dies in the middle every time, though it answers at first", async () => {
    const state = rig();
    await state.guarded.start();
    let draws = 0;
    state.fault = ({ kind }) => (kind === "draw" && ++draws % 3 === 0 ? dies() : undefined);
    await expect(use(state.guarded, 5)).rejects.toThrow();
    await expect(use(state.guarded, 5)).rejects.toThrow();
    await until(() => state.guarded.health() === "down");
    await state.guarded.close();
  });

  it("forgets failures when it works again", async () => {
    const state = rig();
    await state.guarded.start();
    for (let round = 0; round < 3; round++) {
      state.fault = dies;
      await expect(use(state.guarded)).rejects.toThrow();
      state.fault = undefined;
      await use(state.guarded);
    }
    expect(state.guarded.health()).toBe("up");
    await state.guarded.close();
  });

  it("does not count clients that leave, but counts calls given up for their slowness", async () => {
    const state = rig();
    await state.guarded.start();
    const hang = async (reason: unknown): Promise<void> => {
      state.fault = undefined;
      const sequence = await state.guarded.open();
      await sequence.append([textPiece("x")]);
      state.fault = ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(new Error("stopped")), { once: true });
        });
      const controller = new AbortController();
      const options = { maxTokens: 2, sampling: { temperature: 0, seed: 1 } };
      const reading = (async () => {
        for await (const _ of sequence.generate(options, controller.signal));
      })();
      setTimeout(() => controller.abort(reason), 2);
      await expect(reading).rejects.toThrow();
      state.fault = undefined;
      await sequence.close();
    };
    for (let round = 0; round < 4; round++) await hang(new DOMException("left", "AbortError"));
    expect(state.guarded.health()).toBe("up");
    // The other model of the pair failed, which ended the whole request.
    for (let round = 0; round < 4; round++) await hang(gone("other"));
    expect(state.guarded.health()).toBe("up");
    for (let round = 0; round < 2; round++) await hang(gone("real"));
    await until(() => state.guarded.health() !== "up");
    await state.guarded.close();
  });

  it("counts one failure once, however many calls see it", async () => {
    const state = rig();
    await state.guarded.start();
    const shared = gone();
    state.fault = () => {
      throw shared;
    };
    for (let round = 0; round < 3; round++) await expect(use(state.guarded)).rejects.toThrow();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(state.guarded.health()).toBe("up");
    await state.guarded.close();
  });

  it("gives up an attempt that hangs", async () => {
    const state = rig({ trialMs: 10 });
    await state.guarded.start();
    state.fault = dies;
    await expect(use(state.guarded)).rejects.toThrow();
    await expect(use(state.guarded)).rejects.toThrow();
    state.fault = ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(new Error("stopped")), { once: true });
      });
    await until(() => state.healths.filter((health) => health === "down").length > 1);
    expect(state.guarded.trouble?.message).toMatch(/bringing it back took longer than 10 ms/u);
    await state.guarded.close();
  });

  it("does not let another model take its place", async () => {
    const tokenizers = [testTokenizer(), testTokenizer({ words: ["other "] })];
    let number = 0;
    let broken = false;
    const guarded = guardEngine(
      async () =>
        new ScriptedEngine({
          next: () => "a",
          tokenizer: tokenizers[number++] ?? testTokenizer({ words: ["other "] }),
          hook: () => (broken && number === 1 ? dies() : undefined),
        }),
      { name: "x", failures: 1, resetMs: 5 },
    );
    await guarded.start();
    broken = true;
    await expect(use(guarded)).rejects.toThrow();
    await until(() => guarded.trouble?.message.includes("it came back with another vocabulary") === true);
    expect(guarded.vocabulary).toBe(tokenizers[0]?.vocabulary);
    await guarded.close();
  });
});
