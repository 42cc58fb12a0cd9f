import { describe, expect, it } from "vitest";

import { engineConformance } from "../../../test/conformance/engine.ts";
import { controlPiece, textPiece } from "../../core/piece.ts";
import type { GenerateEvent, GenerateOptions, Sequence } from "../engine.ts";
import {
  failAfter,
  hangAfter,
  inOrder,
  randomModel,
  ScriptedEngine,
  scriptModel,
  slow,
  testTokenizer,
} from "./index.ts";

const quiet = { "<|im_end|>": -100, "<bigmodel>": -2, "</bigmodel>": -2 };
const words = ["the ", "sum ", "is ", "12", "19", "an", " and"];
for (const [name, tokenizer] of [
  ["scripted (bytes)", testTokenizer()],
  ["scripted (words)", testTokenizer({ words })],
] as const) {
  for (const scores of ["every-position", "probe"] as const) {
    const make = () =>
      new ScriptedEngine({
        next: randomModel({ boost: quiet }),
        tokenizer,
        scores,
        slots: 6,
        contextSize: 2048,
      });
    engineConformance(`${name}, ${scores}`, {
      makeEngine: async () => make(),
      capabilities: make().capabilities,
      slots: 6,
      open: "<bigmodel>",
      close: "</bigmodel>",
      endOfTurn: "<|im_end|>",
      bytes: (id) => tokenizer.bytes(id),
      tolerance: 1e-9,
    });
  }
}

const options: GenerateOptions = { maxTokens: 20, sampling: { temperature: 0, seed: 1 } };

async function textOf(sequence: Sequence, more: Partial<GenerateOptions> = {}): Promise<string> {
  let text = "";
  for await (const event of sequence.generate({ ...options, ...more })) text += shown(event);
  return text;
}

const shown = (event: GenerateEvent) =>
  event.type === "token" ? event.text : `[${event.marker ?? event.reason}]`;

describe("scriptModel", () => {
  const engine = new ScriptedEngine({
    next: scriptModel([
      { after: "2+3=", write: "5, but <bigmodel>" },
      { after: "</bigmodel>", write: "so 5<|im_end|>" },
    ]),
  });

  it("writes by script, control tokens included", async () => {
    const sequence = await engine.open();
    await sequence.append([textPiece("2+3=")]);
    expect(await textOf(sequence, { stop: ["<bigmodel>"] })).toBe("5, but [<bigmodel>]");
    await sequence.append([controlPiece("<bigmodel>"), textPiece("hm"), controlPiece("</bigmodel>")]);
    expect(await textOf(sequence)).toBe("so 5[end-of-turn]");
    await sequence.close();
  });

  it("throws where the script says nothing", async () => {
    const sequence = await engine.open();
    await sequence.append([textPiece("4+4=")]);
    await expect(textOf(sequence)).rejects.toThrow("no line for the context");
    await sequence.append([textPiece("2+3=6")]);
    await expect(textOf(sequence)).rejects.toThrow("left the script");
    await sequence.append([textPiece("2+3=5, but "), controlPiece("<bigmodel>")]);
    await expect(textOf(sequence)).rejects.toThrow("the script ends");
    await sequence.close();
  });
});

describe("a scripted distribution", () => {
  it("is given by text, and drawn from", async () => {
    const engine = new ScriptedEngine({ next: () => ({ a: 3, "</bigmodel>": 1 }) });
    const sequence = await engine.open();
    await sequence.append([textPiece("x")]);
    const outcome = await sequence.score([textPiece("y")], { watch: ["</bigmodel>", "<bigmodel>"] });
    expect(outcome).toMatchObject({
      entries: [{ watchLogprobs: [expect.closeTo(Math.log(0.25)), -Infinity], watchArgmax: -1 }],
    });
    const text = await textOf(sequence, { maxTokens: 200, sampling: { temperature: 1, seed: 3 } });
    expect(text).toMatch(/^(?:a|<\/bigmodel>)+\[limit\]$/);
    expect(text).toContain("</bigmodel>");
    await engine.close();
  });

  it("must name single tokens", async () => {
    const engine = new ScriptedEngine({ next: () => ({ ab: 1 }) });
    const sequence = await engine.open();
    await sequence.append([textPiece("x")]);
    await expect(textOf(sequence)).rejects.toThrow('named "ab", which is not one token');
  });
});

describe("faults", () => {
  const start = async (hook: ConstructorParameters<typeof ScriptedEngine>[0]["hook"] & {}) => {
    const engine = new ScriptedEngine({ next: () => "a", hook });
    const sequence = await engine.open();
    await sequence.append([textPiece("x")]);
    return { engine, sequence };
  };

  it("fail after a number of tokens", async () => {
    const { engine, sequence } = await start(failAfter(3, { retryable: true }));
    await expect(textOf(sequence)).rejects.toMatchObject({ code: "engine-failed", retryable: true });
    expect(sequence.position).toBe(4);
    expect(engine.log.map(({ kind }) => kind)).toEqual(["draw", "draw", "draw", "draw"]);
  });

  it("hang until aborted or closed", async () => {
    const { engine, sequence } = await start(hangAfter(2));
    const controller = new AbortController();
    const run = (async () => {
      for await (const _ of sequence.generate(options, controller.signal));
    })();
    setTimeout(() => controller.abort(), 5);
    await expect(run).rejects.toMatchObject({ code: "aborted" });
    expect(sequence.position).toBe(3);
    const second = textOf(sequence);
    setTimeout(() => void engine.close(), 5);
    await expect(second).rejects.toMatchObject({ code: "engine-closed" });
    expect(engine.openSequences).toBe(0);
  });

  it("are slow, and come in order", async () => {
    const { sequence } = await start(inOrder(slow(3), failAfter(2)));
    const begun = performance.now();
    await expect(textOf(sequence)).rejects.toMatchObject({ code: "engine-failed" });
    expect(performance.now() - begun).toBeGreaterThan(7);
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 1);
    await expect(sequence.append([textPiece("abc")], controller.signal)).rejects.toMatchObject({
      code: "aborted",
    });
  });
});
