/** A big model that is slow to fill a chunk: the small one, idle, reads what there is. */
import { expect, test } from "vitest";

import { textPiece } from "../../src/core/piece.ts";
import { SplitDecoder, collect, learned } from "../../src/decode/index.ts";
import { ScriptedEngine, slow } from "../../src/engines/scripted/index.ts";

async function decode(eagerChunks: boolean) {
  const small = new ScriptedEngine({
    name: "small",
    next: ({ text }) => {
      if (!text.includes("<bigmodel>")) return "<bigmodel>";
      return text.endsWith("bbbbb") ? "</bigmodel>" : "s";
    },
  });
  const big = new ScriptedEngine({ name: "big", next: () => "b", hook: slow(20) });
  const { taggedText, usage } = await collect(
    // Reading takes no time by this clock: how patient the small model is does not depend on the machine.
    new SplitDecoder({ small, big }, { clock: { nowMs: () => 0, isoNow: () => "" } }).decode({
      prompt: [textPiece("p")],
      policy: learned(),
      limits: { maxTokens: 7 },
      sampling: { temperature: 0, seed: 1 },
      dial: { maxSegments: 1 },
      options: { eagerChunks },
    }),
  );
  const chunks = small.log.filter(({ kind }) => kind === "score").map(({ tokens }) => tokens);
  return { taggedText, usage, chunks };
}

test("reads before a chunk is full, and writes the same", async () => {
  const eager = await decode(true);
  const patient = await decode(false);
  expect(eager.taggedText).toBe("<bigmodel>bbbbb</bigmodel>ss");
  expect(patient.taggedText).toBe(eager.taggedText);
  // The open tag and the first token; without haste all seven that the limit allows.
  expect(eager.chunks[0]).toBe(2);
  expect(eager.chunks.length).toBeGreaterThan(2);
  expect(patient.chunks).toEqual([8]);
  for (const { usage } of [eager, patient]) {
    expect(usage.work.big.decoded).toBe(usage.bigTokens + usage.work.big.discarded);
  }
});
