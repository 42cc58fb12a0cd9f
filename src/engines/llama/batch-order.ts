/**
 * Orders the batches that go to llama.cpp. With one cache for each sequence, llama.cpp computes sequences in one pass only where their ids
 * rise by one from token to token (`llama_batch_allocr::split_equal`). Any other order, and any idle sequence between two that decode, costs a
 * whole pass more. So a batch is sorted by sequence, and an idle sequence in a small gap reads a token that is removed again at once.
 */
import type { CustomBatchingPrioritizationStrategy, LlamaContext } from "node-llama-cpp";

/** The widest gap that is filled. A token more in a pass costs about an eighth of a pass. */
const WIDEST_GAP = 6;

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

export class BatchOrder {
  #context: ContextInternals | undefined;
  /** Tokens in the queue that only fill a gap. */
  readonly #fillers = new WeakSet<readonly unknown[]>();

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

  /** Queues a token for each idle sequence in a gap. To be called when the queue is complete, right before it is dispatched. */
  fill(): void {
    const context = this.#context;
    if (context === undefined) return;
    const single = context._queuedDecodes.filter(({ tokens }) => tokens.length === 1);
    const busy = new Set(context._queuedDecodes.map(({ sequenceId }) => sequenceId));
    for (const id of gapsIn(single.map(({ sequenceId }) => sequenceId))) {
      if (busy.has(id)) continue;
      const tokens = [0];
      this.#fillers.add(tokens);
      let removed = (): void => {};
      void context
        ._decodeTokens(
          {
            sequenceId: id,
            tokens,
            logits: [],
            // The place is known when the batch is made: until then the sequence may be cut.
            firstTokenSequenceIndex: 0,
            evaluationPriority: 1,
            afterBatchAction: () => removed(),
          },
          () => {},
        )
        // A failure belongs to the calls of the batch. They report it.
        .catch(() => {});
      const queued = context._queuedDecodes.at(-1);
      removed = () => {
        const at = queued?.firstTokenSequenceIndex ?? 0;
        context._ctx.removeTokenCellsFromSequence(id, at, at + 1);
      };
    }
  }

  /** Chooses the tokens of a batch: the same number for each call, as far as it has them, ordered by sequence. The context is locked meanwhile. */
  readonly choose: CustomBatchingPrioritizationStrategy = ({ items, size }) => {
    const queue = this.#context?._queuedDecodes ?? [];
    const calls = items.map((item, at) => ({ item, queued: queue[at] }));
    if (queue.length !== items.length) return shared(calls, size);
    const asked = new Set(queue.filter(({ tokens }) => !this.#fillers.has(tokens)).map((q) => q.sequenceId));
    const kept = calls.filter(({ queued }) => queued === undefined || this.#placed(queued, asked));
    return shared(kept, size).toSorted((a, b) => a.sequence - b.sequence);
  };

  /** Puts a filler at the end of its sequence. Takes it out of the queue, and returns false, where the sequence is full or has calls of its own. */
  #placed(queued: QueuedDecode, asked: ReadonlySet<number>): boolean {
    const context = this.#context;
    if (context === undefined || !this.#fillers.has(queued.tokens)) return true;
    const id = queued.sequenceId;
    queued.firstTokenSequenceIndex = context._ctx.getSequenceKvCacheMaxPosition(id) + 1;
    if (!asked.has(id) && queued.firstTokenSequenceIndex < context.contextSize - 1) return true;
    context._queuedDecodes.splice(context._queuedDecodes.indexOf(queued), 1);
    if (!asked.has(id)) context._queuedDecodeSequenceIds.delete(id);
    return false;
  }
}

interface Call {
  readonly item: Parameters<CustomBatchingPrioritizationStrategy>[0]["items"][number];
  readonly queued: QueuedDecode | undefined;
}

/** Shares `size` tokens out: the shortest calls first, each at most its part of what is left. */
function shared(
  calls: readonly Call[],
  size: number,
): (ReturnType<CustomBatchingPrioritizationStrategy>[number] & { readonly sequence: number })[] {
  let left = size;
  return calls
    .toSorted((a, b) => a.item.tokens.length - b.item.tokens.length)
    .map(({ item, queued }, at, { length }) => {
      const processAmount = Math.min(item.tokens.length, Math.ceil(left / (length - at)));
      left -= processAmount;
      return { item, processAmount, sequence: queued?.sequenceId ?? 0 };
    })
    .filter(({ processAmount }) => processAmount > 0);
}

/** The ids that lie in the gaps between sequences, where a gap is at most {@link WIDEST_GAP} wide. */
export function gapsIn(sequences: readonly number[]): number[] {
  const ids = sequences.toSorted((a, b) => a - b);
  return ids.flatMap((id, at) => {
    const gap = (ids[at + 1] ?? id) - id - 1;
    return gap > 0 && gap <= WIDEST_GAP ? Array.from({ length: gap }, (_, step) => id + 1 + step) : [];
  });
}
