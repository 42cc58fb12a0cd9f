/**
 * Orders the batches that go to llama.cpp: one pass at a time (passes.ts), sorted by sequence. Where a sequence in a pass has too few tokens or
 * none, it reads filler tokens. They are removed again before anything else happens to the sequence.
 */
import type { CustomBatchingPrioritizationStrategy, LlamaContext } from "node-llama-cpp";

import { firstPass } from "./passes.ts";

interface QueuedDecode {
  readonly sequenceId: number;
  readonly tokens: readonly unknown[];
  firstTokenSequenceIndex: number;
}

/** The undocumented parts of the library's context (node-llama-cpp 3.22.1). */
interface ContextInternals {
  readonly contextSize: number;
  readonly _queuedDecodes: QueuedDecode[];
  readonly _queuedDecodeSequenceIds: Set<number>;
  readonly _ctx: {
    getSequenceKvCacheMaxPosition(sequence: number): number;
    removeTokenCellsFromSequence(sequence: number, start: number, end: number): boolean;
  };
  _decodeTokens(
    request: {
      sequenceId: number;
      tokens: number[];
      logits: [];
      firstTokenSequenceIndex: number;
      evaluationPriority: number;
      afterBatchAction: () => void;
    },
    map: () => void,
  ): Promise<unknown>;
}

/** Tokens in the queue that belong to no call. */
interface Filler {
  /** The cells that the running pass fills, from `start` to before `end`. */
  start: number;
  end: number;
}

export class BatchOrder {
  #context: ContextInternals | undefined;
  readonly #fillers = new Map<QueuedDecode, Filler>();

  /** Looks the undocumented parts up. Where one is missing, batches keep the order of the calls. */
  attach(context: LlamaContext): void {
    const found = context as unknown as Partial<ContextInternals>;
    const native = found._ctx;
    const isKnown =
      Array.isArray(found._queuedDecodes) &&
      found._queuedDecodeSequenceIds instanceof Set &&
      typeof found._decodeTokens === "function" &&
      typeof native?.getSequenceKvCacheMaxPosition === "function" &&
      typeof native.removeTokenCellsFromSequence === "function";
    if (isKnown) this.#context = found as ContextInternals;
  }

  /** Queues filler for each sequence of a batch and between. To be called when the queue is complete, right before it is dispatched. */
  fill(): void {
    const context = this.#context;
    if (context === undefined) return;
    // A batch that failed may have left some.
    this.#drop([...this.#fillers.keys()]);
    const calls = [...context._queuedDecodes];
    if (calls.length < 2) return;
    const ids = calls.map(({ sequenceId }) => sequenceId);
    const tokens = Array.from({ length: Math.max(...calls.map((call) => call.tokens.length)) }, () => 0);
    for (let id = Math.min(...ids); id <= Math.max(...ids); id++) {
      const filler: Filler = { start: 0, end: 0 };
      void context
        ._decodeTokens(
          {
            sequenceId: id,
            tokens,
            logits: [],
            // The place is known when the pass is planned.
            firstTokenSequenceIndex: 0,
            evaluationPriority: 1,
            afterBatchAction: () =>
              void context._ctx.removeTokenCellsFromSequence(id, filler.start, filler.end),
          },
          () => {},
        )
        // A failure belongs to the calls of the batch. They report it.
        .catch(() => {});
      const queued = context._queuedDecodes.at(-1);
      if (queued !== undefined) this.#fillers.set(queued, filler);
    }
  }

  /** Chooses the tokens of a batch: those of one pass where there is filler, and else the same number for each call. The context is locked meanwhile. */
  readonly choose: CustomBatchingPrioritizationStrategy = ({ items, size }) => {
    const context = this.#context;
    const queue = context?._queuedDecodes ?? [];
    // Before filler is taken from the queue, while both lists have the same order.
    const entries = items.map((item, at) => ({ item, queued: queue[at] }));
    if (context === undefined || queue.length !== items.length) return shared(entries, size);
    const calls = entries.filter(({ queued }) => queued !== undefined && !this.#fillers.has(queued));
    if (this.#fillers.size === 0) return shared(calls, size);
    if (calls.length === 0) {
      this.#drop([...this.#fillers.keys()]);
      return [];
    }
    const fillers = new Map(
      entries.filter((entry) => !calls.includes(entry)).map((entry) => [entry.queued?.sequenceId, entry]),
    );
    return this.#pass(context, calls, fillers, size);
  };

  /** One pass of the calls, with filler where it is planned and where the sequence has room. */
  #pass(
    context: ContextInternals,
    calls: readonly Entry[],
    fillers: ReadonlyMap<number | undefined, Entry>,
    size: number,
  ): Chosen[] {
    const bySequence = new Map(calls.map((call) => [call.queued?.sequenceId ?? 0, call]));
    const left = new Map([...bySequence].map(([id, { item }]) => [id, item.tokens.length]));
    const { tokens, sequences } = firstPass(left, size);
    return sequences.flatMap((id) => {
      const call = bySequence.get(id);
      const own = Math.min(tokens, left.get(id) ?? 0);
      const chosen: Chosen[] = call === undefined ? [] : [{ item: call.item, processAmount: own }];
      const { item, queued } = fillers.get(id) ?? {};
      const filler = queued === undefined ? undefined : this.#fillers.get(queued);
      if (own === tokens || item === undefined || queued === undefined || filler === undefined) return chosen;
      const start =
        call === undefined
          ? context._ctx.getSequenceKvCacheMaxPosition(id) + 1
          : (call.queued?.firstTokenSequenceIndex ?? 0) + own;
      if (start + tokens - own > context.contextSize - 1 || tokens - own > item.tokens.length) return chosen;
      queued.firstTokenSequenceIndex = start;
      filler.start = start;
      filler.end = start + tokens - own;
      return [...chosen, { item, processAmount: tokens - own }];
    });
  }

  #drop(queued: readonly QueuedDecode[]): void {
    const context = this.#context;
    if (context === undefined) return;
    for (const one of queued) {
      this.#fillers.delete(one);
      const at = context._queuedDecodes.indexOf(one);
      if (at >= 0) context._queuedDecodes.splice(at, 1);
    }
    const asked = new Set(context._queuedDecodes.map(({ sequenceId }) => sequenceId));
    for (const { sequenceId } of queued)
      if (!asked.has(sequenceId)) context._queuedDecodeSequenceIds.delete(sequenceId);
  }
}

interface Entry {
  readonly item: Parameters<CustomBatchingPrioritizationStrategy>[0]["items"][number];
  readonly queued: QueuedDecode | undefined;
}

type Chosen = ReturnType<CustomBatchingPrioritizationStrategy>[number];

/** Shares `size` tokens out: the shortest calls first, each at most its part of what is left. Sorted by sequence. */
function shared(calls: readonly Entry[], size: number): Chosen[] {
  let left = size;
  return calls
    .toSorted((a, b) => a.item.tokens.length - b.item.tokens.length)
    .map(({ item, queued }, at, { length }) => {
      const processAmount = Math.min(item.tokens.length, Math.ceil(left / (length - at)));
      left -= processAmount;
      return { item, processAmount, sequence: queued?.sequenceId ?? 0 };
    })
    .filter(({ processAmount }) => processAmount > 0)
    .toSorted((a, b) => a.sequence - b.sequence)
    .map(({ item, processAmount }) => ({ item, processAmount }));
}
