import { rmSync } from "node:fs";

import type { LlamaContext } from "node-llama-cpp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { temporaryFolder, tinyModel, writeTinyModel } from "../../../test/support/tiny-models.ts";
import { textPiece } from "../../core/piece.ts";
import type { Sequence } from "../engine.ts";
import { BatchOrder, gapsIn } from "./batch-order.ts";
import { LlamaEngine } from "./llama-engine.ts";

describe("gaps between sequences", () => {
  it("are filled when they are small", () => {
    expect(gapsIn([5, 0, 2])).toEqual([1, 3, 4]);
    expect(gapsIn([0, 7])).toEqual([1, 2, 3, 4, 5, 6]);
    expect(gapsIn([0, 8])).toEqual([]);
    expect(gapsIn([4])).toEqual([]);
  });
});

/** A queue of the library, with sequences of set lengths. */
function makeQueue(lengths: readonly number[], contextSize = 64) {
  const removed: (readonly [number, number, number])[] = [];
  const queue: { sequenceId: number; tokens: number[]; firstTokenSequenceIndex: number }[] = [];
  const ids = new Set<number>();
  const push = async (request: (typeof queue)[number]): Promise<void> => {
    queue.push({ ...request });
    ids.add(request.sequenceId);
  };
  const context = {
    contextSize,
    _queuedDecodes: queue,
    _queuedDecodeSequenceIds: ids,
    _ctx: {
      getSequenceKvCacheMaxPosition: (id: number) => (lengths[id] ?? 0) - 1,
      removeTokenCellsFromSequence: (...cells: [number, number, number]) => removed.push(cells),
    },
    _decodeTokens: push,
  };
  const order = new BatchOrder();
  order.attach(context as unknown as LlamaContext);
  const ask = (sequenceId: number, tokens: number): void =>
    void push({
      sequenceId,
      tokens: Array(tokens).fill(9),
      firstTokenSequenceIndex: lengths[sequenceId] ?? 0,
    });
  /** Sequence, place and number of the tokens of a batch. */
  const choose = (size = 512): number[][] => {
    const asked = [...queue];
    const items = asked.map(({ tokens }) => ({ tokens, logits: [], evaluationPriority: 5 as const }));
    const chosen = order.choose({ items: items as never, size });
    return chosen.map(({ item, processAmount }) => {
      const one = asked[items.indexOf(item as never)];
      return [one?.sequenceId ?? NaN, one?.firstTokenSequenceIndex ?? NaN, processAmount];
    });
  };
  return { order, ask, choose, queue, ids, removed };
}

describe("a batch", () => {
  it("is sorted by sequence, and idle sequences in between read a token at their end", () => {
    const { order, ask, choose } = makeQueue([5, 6, 7, 8, 9]);
    for (const id of [3, 0, 1]) ask(id, 1);
    order.fill();
    expect(choose()).toEqual([
      [0, 5, 1],
      [1, 6, 1],
      [2, 7, 1],
      [3, 8, 1],
    ]);
  });

  it("leaves a sequence alone that is full, or that was asked for meanwhile", () => {
    const { order, ask, choose, queue, ids } = makeQueue([5, 63, 7, 8], 64);
    for (const id of [3, 0]) ask(id, 1);
    order.fill();
    ask(2, 1);
    expect(choose()).toEqual([
      [0, 5, 1],
      [2, 7, 1],
      [3, 8, 1],
    ]);
    expect(queue.map(({ sequenceId }) => sequenceId)).toEqual([3, 0, 2]);
    expect(ids).toEqual(new Set([0, 2, 3]));
  });

  it("fills no gap between calls that read more than a token", () => {
    const { order, ask, choose } = makeQueue([5, 6, 7]);
    ask(2, 4);
    ask(0, 1);
    order.fill();
    expect(choose()).toEqual([
      [0, 5, 1],
      [2, 7, 4],
    ]);
  });

  it("shares a small batch out evenly", () => {
    const { ask, choose } = makeQueue([0, 0, 0]);
    for (const [id, tokens] of [
      [0, 100],
      [1, 2],
      [2, 100],
    ] as const)
      ask(id, tokens);
    expect(choose(16)).toEqual([
      [0, 0, 7],
      [1, 0, 2],
      [2, 0, 7],
    ]);
  });
});

describe("sequences of an engine", () => {
  const folder = temporaryFolder();
  const path = writeTinyModel(tinyModel({ seed: 7 }), folder);
  const load = (sequences: number): Promise<LlamaEngine> =>
    LlamaEngine.load(path, { sequences, threads: 1, contextSize: 128, fillGaps: true });
  let engine: LlamaEngine;
  beforeAll(async () => {
    engine = await load(8);
  });
  afterAll(async () => {
    await engine.close();
    rmSync(folder, { recursive: true });
  });

  async function write(sequence: Sequence, tokens: number): Promise<string> {
    let text = "";
    const sampling = { temperature: 0, seed: 1 };
    for await (const event of sequence.generate({ maxTokens: tokens, sampling }))
      if (event.type === "token") text += event.text;
    return text;
  }

  it("are not changed by what others decode beside them", async () => {
    const texts = Array.from({ length: 8 }, (_, index) => `${"abcdefgh"[index] ?? ""} counts sheep`);
    const alone = await Promise.all(
      texts.map(async (text) => {
        await using own = await load(1);
        await using sequence = await own.open();
        await sequence.append([textPiece(text)]);
        return await write(sequence, 32);
      }),
    );
    const group = await Promise.all(texts.map(() => engine.open()));
    await Promise.all(group.map((sequence, at) => sequence.append([textPiece(texts[at] ?? "")])));
    const written = texts.map(() => "");
    // Every sequence is idle between others in some of the rounds.
    for (let round = 0; round < 6; round++) {
      await Promise.all(
        group.map(async (sequence, at) => {
          if ((at * 5 + round) % 3 !== 0) written[at] += await write(sequence, 8);
        }),
      );
    }
    for (const [at, text] of written.entries()) expect(text).toBe(alone[at]);
    await Promise.all(group.map((sequence) => sequence.close()));
  });
});
