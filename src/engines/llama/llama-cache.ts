/** One sequence of a llama.cpp context, as far as reading and forgetting go. Sequences that run at once share batches. */
import type { LlamaContext, LlamaContextSequence, Token } from "node-llama-cpp";

import type { ModelId, TokenId } from "../../core/ids.ts";
import { throwIfAborted } from "../cancellation.ts";
import { internalsOf, type SequenceInternals } from "./internals.ts";
import type { Waves } from "./waves.ts";

/** What all sequences of one engine share. */
export interface LlamaShared {
  readonly model: ModelId;
  readonly context: LlamaContext;
  readonly vocabularySize: number;
  readonly batchSize: number;
  /** Whether {@link internalsOf the undocumented parts} of the library may be used. */
  readonly native: boolean;
  readonly waves: Waves;
}

/** As ids of this engine's vocabulary, tokens are the library's own. */
export const asTokens = (ids: readonly TokenId[]): Token[] => ids as readonly number[] as Token[];

export class LlamaCache {
  calls = 0;
  readonly shared: LlamaShared;
  readonly sequence: LlamaContextSequence;
  readonly internals: SequenceInternals | undefined;

  /** @throws Error when the context has no sequence left: the caller counts them. */
  constructor(shared: LlamaShared) {
    this.shared = shared;
    this.sequence = shared.context.getSequence({
      contextShift: {
        // The default would silently drop the beginning of the text.
        strategy: () => {
          throw new Error("the context is full");
        },
      },
    });
    this.internals = shared.native ? internalsOf(this.sequence) : undefined;
  }

  get length(): number {
    return this.sequence.nextTokenIndex;
  }

  async read(ids: readonly TokenId[], signal?: AbortSignal): Promise<void> {
    const { batchSize, model } = this.shared;
    for (let start = 0; start < ids.length; start += batchSize) {
      throwIfAborted(model, signal);
      const batch = asTokens(ids.slice(start, start + batchSize));
      await this.call(() => this.sequence.evaluateWithoutGeneratingNewTokens(batch));
    }
  }

  async truncate(length: number): Promise<void> {
    const end = this.sequence.nextTokenIndex;
    if (length < end) await this.sequence.eraseContextTokenRanges([{ start: length, end }]);
  }

  async close(): Promise<void> {
    await this.sequence.dispose();
  }

  /** One call into llama.cpp. */
  async call<T>(evaluate: () => Promise<T>): Promise<T> {
    this.calls++;
    return this.shared.waves.run(evaluate);
  }
}
