/** The same proof on real models: random GGUFs in llama.cpp, whose tags are loud enough that they hand over all the time. */
import { rmSync } from "node:fs";

import { afterAll, expect, test } from "vitest";

import { textPiece } from "../../src/core/piece.ts";
import { SplitDecoder } from "../../src/decode/index.ts";
import { LlamaEngine } from "../../src/engines/llama/llama-engine.ts";
import { referenceDecode } from "../support/reference-decoder.ts";
import {
  type TinyModel,
  temporaryFolder,
  tinyControlId,
  tinyModel,
  writeTinyModel,
} from "../support/tiny-models.ts";
import { eventsOf, finishOf, request, traceOf } from "../support/toy-pair.ts";

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true }));

/** The head is tied to the embedding, so a longer row is a token that is oftener the likeliest (and the unlikeliest). */
function louder(model: TinyModel, ids: readonly number[], scale: number): TinyModel {
  const embedding = model.embedding.slice();
  for (const id of ids) {
    const row = embedding.subarray(id * model.width, (id + 1) * model.width);
    for (let axis = 0; axis < model.width; axis++) row[axis] = (row[axis] as number) * scale;
  }
  return { ...model, embedding };
}

const tags = [tinyControlId("<bigmodel>"), tinyControlId("</bigmodel>")];
const load = (model: TinyModel, name: string): Promise<LlamaEngine> =>
  LlamaEngine.load(writeTinyModel(model, folder, name), { name, threads: 1, contextSize: 256, sequences: 2 });

const WAYS = [
  { streamingPrefill: true },
  { streamingPrefill: false, chunks: [1] },
  { streamingPrefill: true, prefillChunk: 2, chunks: [3, 7] },
];
const maxTokens = 48;

test.each([
  ["one vocabulary", 263, 5],
  ["two vocabularies", 900, 5],
])(
  "equals the naive reference on random models, %s",
  { timeout: 240_000 },
  async (_, vocabularySize, models) => {
    let switches = 0;
    let cuts = 0;
    for (let seed = 0; seed < models; seed++) {
      const small = await load(
        louder(tinyModel({ seed: 2 * seed + 1, layers: 1, width: 48 }), tags, 3),
        `small-${seed}`,
      );
      const bigModel = tinyModel({ seed: 2 * seed + 2, layers: 2, width: 64, vocabularySize });
      const big = await load(louder(bigModel, tags, 3), `big-${vocabularySize}-${seed}`);
      try {
        expect(small.vocabulary === big.vocabulary).toBe(vocabularySize === 263);
        for (const [index, start] of ["What is 12+7?", "Then <bigmodel> so", "é 3 * 4"].entries()) {
          const prompt = [textPiece(start)];
          const sampling = { temperature: index === 2 ? 1 : 0, seed: seed + index };
          const dial = { bias: 3 };
          const expected = await referenceDecode({ small, big, prompt, maxTokens, sampling, ...dial });
          switches += expected.switches;
          cuts += expected.trace.filter((entry) => entry === "predicted").length;
          for (const options of WAYS) {
            const { promptForBig: _none, ...asked } = request(seed, {
              prompt,
              sampling,
              dial,
              options,
              limits: { maxTokens },
            });
            const events = await eventsOf(new SplitDecoder({ small, big }).decode(asked));
            expect(traceOf(events)).toEqual(expected.trace);
            expect(finishOf(events).reason).toBe(expected.finish);
          }
        }
      } finally {
        await small.close();
        await big.close();
      }
    }
    expect(switches).toBeGreaterThan(40);
    expect(cuts).toBeGreaterThan(20);
  },
);
