import { rmSync } from "node:fs";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { logSoftmax, referenceLogits } from "../../../test/support/reference-model.ts";
import { temporaryFolder, tinyModel, writeTinyModel } from "../../../test/support/tiny-models.ts";
import { textPiece } from "../../core/piece.ts";
import { createRng } from "../../core/rng.ts";
import type { Sequence } from "../engine.ts";
import { LlamaEngine } from "./llama-engine.ts";

const folder = temporaryFolder();
const model = tinyModel({ seed: 4 });
const path = writeTinyModel(model, folder);
let engine: LlamaEngine;
beforeAll(async () => {
  // Small batches: the number of calls says how much was read.
  engine = await LlamaEngine.load(path, { sequences: 8, threads: 1, contextSize: 512, batchSize: 16 });
});
afterAll(async () => {
  await engine.close();
  rmSync(folder, { recursive: true });
});

const PROMPT = "A problem that several attempts are made at, long enough to be worth it. ".repeat(2);

/** The largest difference (nats) of the probabilities of `tail` after `text` from those of a plain forward pass. */
async function largestError(sequence: Sequence, text: string, tail: string): Promise<number> {
  const outcome = await sequence.score([textPiece(tail)], { watch: [], tokenLogprobs: true });
  if (outcome.status !== "ok") throw new Error("full");
  // One token a byte in this vocabulary.
  const before = [...new TextEncoder().encode(text)];
  const ids = [...before, ...outcome.entries.map(({ id }) => Number(id))];
  const logits = referenceLogits(model, ids);
  let largest = 0;
  for (const [index, { tokenLogprob }] of outcome.entries.entries()) {
    const at = before.length + index;
    const own = logSoftmax(logits[at - 1] ?? [])[ids[at] ?? -1] ?? NaN;
    largest = Math.max(largest, Math.abs((tokenLogprob ?? NaN) - own));
  }
  return largest;
}

describe("sequences that begin alike", () => {
  it("read the beginning once, one after the other", async () => {
    const first = await engine.open();
    await first.append([textPiece(PROMPT)]);
    const second = await engine.open();
    await second.append([textPiece(`${PROMPT}And then?`)]);
    expect(first.work.calls).toBeGreaterThanOrEqual(9);
    expect(second.work.calls).toBe(1);
    expect(second.work.prefilled).toBe(PROMPT.length + 9);
    expect(await largestError(second, `${PROMPT}And then?`, " Well, 12.")).toBeLessThan(1e-4);
    expect(await largestError(first, PROMPT, "Otherwise")).toBeLessThan(1e-4);
    await Promise.all([first.close(), second.close()]);
  });

  it("read it once, all at the same time", async () => {
    const group = await Promise.all(Array.from({ length: 8 }, () => engine.open()));
    await Promise.all(group.map((sequence) => sequence.append([textPiece(PROMPT)])));
    const calls = group.map(({ work }) => work.calls).sort((a, b) => b - a);
    expect(calls[0]).toBeGreaterThanOrEqual(9);
    expect(calls.slice(1)).toEqual(calls.slice(1).map(() => 0));
    for (const [index, sequence] of group.entries())
      expect(await largestError(sequence, PROMPT, `Number ${index}.`)).toBeLessThan(1e-4);
    await Promise.all(group.map((sequence) => sequence.close()));
  });

  it("read it themselves when the one that reads it is stopped", async () => {
    const [first, second] = [await engine.open(), await engine.open()];
    const stop = new AbortController();
    const stopped = first.append([textPiece(PROMPT)], stop.signal);
    const reading = second.append([textPiece(PROMPT)]);
    stop.abort();
    await expect(stopped).rejects.toMatchObject({ code: "aborted" });
    await reading;
    expect(await largestError(second, PROMPT, "Go on")).toBeLessThan(1e-4);
    await Promise.all([first.close(), second.close()]);
  });

  it("stop waiting for another one when they are told to", async () => {
    const [first, second] = [await engine.open(), await engine.open()];
    const reading = first.append([textPiece(PROMPT)]);
    const stop = new AbortController();
    const waiting = second.append([textPiece(PROMPT)], stop.signal);
    setImmediate(() => stop.abort());
    await expect(waiting).rejects.toMatchObject({ code: "aborted" });
    await reading;
    await Promise.all([first.close(), second.close()]);
  });

  it("hold what they were given, whatever the others do meanwhile", async () => {
    const rng = createRng(5);
    const prompts = [PROMPT, `${PROMPT}More.`, PROMPT.slice(0, 60) + "x".repeat(50), "y".repeat(70)];
    const errors: number[] = [];
    const client = async (own: typeof rng): Promise<void> => {
      for (let round = 0; round < 4; round++) {
        const sequence = await engine.open();
        let text = own.pick(prompts);
        await sequence.append([textPiece(text)]);
        for (let step = own.integer(0, 3); step > 0; step--) {
          const what = own.integer(0, 2);
          if (what === 0) {
            text = text.slice(0, own.integer(0, text.length));
            await sequence.truncate(text.length);
          } else if (what === 1) {
            const more = own.pick(prompts).slice(0, 40);
            text += more;
            await sequence.append([textPiece(more)]);
          } else if (text !== "") errors.push(await largestError(sequence, text, "!"));
          if (what === 2 && text !== "") text += "!";
        }
        if (text !== "") errors.push(await largestError(sequence, text, "Done."));
        await sequence.close();
      }
    };
    await Promise.all(Array.from({ length: 6 }, (_, index) => client(rng.fork(index))));
    expect(errors.length).toBeGreaterThan(24);
    expect(Math.max(...errors)).toBeLessThan(1e-4);
  });
});
