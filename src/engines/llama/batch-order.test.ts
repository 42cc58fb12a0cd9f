import { rmSync } from "node:fs";

import type { LlamaContext } from "node-llama-cpp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { temporaryFolder, tinyModel, writeTinyModel } from "../../../test/support/tiny-models.ts";
import { textPiece } from "../../core/piece.ts";
import type { Sequence } from "../engine.ts";
import { BatchOrder } from "./batch-order.ts";
import { LlamaEngine } from "./llama-engine.ts";

/** A queue of the library, with sequences of set lengths. */
function makeQueue(lengths: readonly number[], contextSize = 64) {
  const removed: (readonly [number, number, number])[] = [];
  const queue: QueuedCall[] = [];
  const ids = new Set<number>();
  const context = {
    contextSize,
    _queuedDecodes: queue,
    _queuedDecodeSequenceIds: ids,
    _ctx: {
      getSequenceKvCacheMaxPosition: (id: number) => (lengths[id] ?? 0) - 1,
      removeTokenCellsFromSequence: (...cells: [number, number, number]) => removed.push(cells),
    },
    _decodeTokens: async (request: QueuedCall): Promise<void> => {
      queue.push({ ...request });
      ids.add(request.sequenceId);
    },
  };
  const order = new BatchOrder();
  order.attach(context as unknown as LlamaContext);
  const ask = (sequenceId: number, tokens: number): void =>
    void context._decodeTokens({
      sequenceId,
      tokens: Array(tokens).fill(9),
      firstTokenSequenceIndex: lengths[sequenceId] ?? 0,
    });
  /** Runs one batch as the library does. Returns sequence, place and number of its tokens. */
  const choose = (size = 512): number[][] => {
    const asked = [...queue];
    const items = asked.map(({ tokens }) => ({ tokens, logits: [], evaluationPriority: 5 as const }));
    const chosen = order.choose({ items: items as never, size });
    const batch = chosen.map(({ item, processAmount }) => {
      const call = asked[items.indexOf(item as never)];
      if (call === undefined) throw new Error("an item that was not offered");
      return { call, amount: processAmount, place: call.firstTokenSequenceIndex };
    });
    for (const { call, amount } of batch) {
      call.tokens = call.tokens.slice(amount);
      call.firstTokenSequenceIndex += amount;
      if (call.tokens.length === 0) {
        queue.splice(queue.indexOf(call), 1);
        ids.delete(call.sequenceId);
      }
      call.afterBatchAction?.();
    }
    return batch.map(({ call, amount, place }) => [call.sequenceId, place, amount]);
  };
  return { order, ask, choose, queue, ids, removed };
}

interface QueuedCall {
  readonly sequenceId: number;
  tokens: number[];
  firstTokenSequenceIndex: number;
  readonly afterBatchAction?: () => void;
}

describe("a batch", () => {
  it("is sorted by sequence, and idle sequences in between read a token at their end", () => {
    const { order, ask, choose, removed, queue, ids } = makeQueue([5, 6, 7, 8, 9]);
    for (const id of [3, 0, 1]) ask(id, 1);
    order.fill();
    expect(choose()).toEqual([
      [0, 5, 1],
      [1, 6, 1],
      [2, 7, 1],
      [3, 8, 1],
    ]);
    expect(removed).toEqual([[2, 7, 8]]);
    expect(choose()).toEqual([]);
    expect(queue).toEqual([]);
    expect(ids).toEqual(new Set());
  });

  it("lets short calls read on to the length of the others, and removes that", () => {
    const { order, ask, choose, removed } = makeQueue([5, 6, 7]);
    ask(0, 9);
    ask(1, 8);
    ask(2, 9);
    order.fill();
    expect(choose()).toEqual([
      [0, 5, 9],
      [1, 6, 8],
      [1, 14, 1],
      [2, 7, 9],
    ]);
    expect(removed).toEqual([[1, 14, 15]]);
    expect(choose()).toEqual([]);
  });

  it("takes several passes where that costs less", () => {
    const { order, ask, choose } = makeQueue([5, 6, 7, 8]);
    ask(0, 1);
    ask(1, 30);
    ask(3, 1);
    order.fill();
    expect(choose()).toEqual([
      [0, 5, 1],
      [1, 6, 1],
      [2, 7, 1],
      [3, 8, 1],
    ]);
    expect(choose()).toEqual([[1, 7, 29]]);
    expect(choose()).toEqual([]);
  });

  it("leaves a sequence without filler that is full", () => {
    const { order, ask, choose } = makeQueue([5, 63, 7, 8], 64);
    for (const id of [3, 0]) ask(id, 1);
    order.fill();
    expect(choose()).toEqual([
      [0, 5, 1],
      [2, 7, 1],
      [3, 8, 1],
    ]);
  });

  it("forgets filler of a batch that failed", () => {
    const { order, ask, choose, queue } = makeQueue([5, 6, 7]);
    for (const id of [0, 2]) ask(id, 1);
    order.fill();
    queue.splice(0, 2);
    for (const id of [0, 1]) ask(id, 1);
    order.fill();
    expect(choose()).toEqual([
      [0, 5, 1],
      [1, 6, 1],
    ]);
    expect(choose()).toEqual([]);
  });

  it("shares a small batch out evenly where there is no filler", () => {
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

  it("score as they do alone, beside others of other lengths", async () => {
    const texts = [
      "a",
      "some words",
      "a few words more",
      "the longest of all the texts that are scored here",
    ];
    const score = async (sequence: Sequence, text: string): Promise<number[]> => {
      const outcome = await sequence.score([textPiece(text)], { watch: [], tokenLogprobs: true });
      if (outcome.status !== "ok") throw new Error(outcome.status);
      return outcome.entries.map(({ tokenLogprob }) => tokenLogprob ?? 0);
    };
    const group = await Promise.all(texts.map(() => engine.open()));
    await using own = await load(1);
    await using alone = await own.open();
    // The second round reads where the first one had filler.
    for (const round of [0, 1]) {
      const textOf = (at: number): string => texts[(at + round) % texts.length] ?? "";
      const together = await Promise.all(group.map((sequence, at) => score(sequence, textOf(at))));
      for (const at of group.keys()) {
        await alone.truncate(0);
        for (const earlier of round === 0 ? [] : [texts[at] ?? ""]) await alone.append([textPiece(earlier)]);
        const expected = await score(alone, textOf(at));
        expect(together[at]).toHaveLength(expected.length);
        for (const [index, value] of expected.entries()) expect(together[at]?.[index]).toBeCloseTo(value, 4);
      }
    }
    await Promise.all(group.map((sequence) => sequence.close()));
  });
});
