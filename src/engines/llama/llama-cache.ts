/** The cache of one sequence in a llama.cpp context: reads and forgets tokens. Sequences that run at once share batches. */
import type { LlamaContext, LlamaContextSequence, Token } from "node-llama-cpp";

import type { ModelId, TokenId } from "../../core/ids.ts";
import { throwIfAborted } from "../cancellation.ts";
import { internalsOf, type SequenceInternals } from "./internals.ts";
import { commonLength, type PrefixHolder, type SharedPrefixes } from "./shared-prefix.ts";
import type { Waves } from "./waves.ts";

/** The parts that all sequences of one engine share. */
export interface LlamaShared {
  readonly model: ModelId;
  readonly context: LlamaContext;
  readonly vocabularySize: number;
  readonly batchSize: number;
  /** Whether {@link internalsOf the undocumented parts} of the library may be used. */
  readonly native: boolean;
  readonly waves: Waves;
  readonly prefixes: SharedPrefixes<LlamaCache>;
  readonly activity: Activity;
}

/** Counts the batches that llama.cpp begins and the calls that it answers. */
export interface Activity {
  count: number;
}

/** Casts ids of this engine's vocabulary to the library's tokens. Both are the same numbers. */
export const asTokens = (ids: readonly TokenId[]): Token[] => ids as readonly number[] as Token[];

/** A method outside the library's documented interface. */
interface CopyableSequence {
  _copyStateFromOtherSequence?: (other: LlamaContextSequence, upToTokenIndex: number) => Promise<boolean>;
}

export class LlamaCache implements PrefixHolder {
  calls = 0;
  beginning: readonly TokenId[] = [];
  reading: Promise<void> | undefined;
  /** Tokens at the end that were read ahead of the sequence. The next call that does not use them forgets them. */
  ahead = 0;
  readonly shared: LlamaShared;
  readonly sequence: LlamaContextSequence;
  readonly internals: SequenceInternals | undefined;

  /** @throws Error if the context has no sequence left. The caller counts them. */
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
    shared.prefixes.add(this);
  }

  get length(): number {
    return this.sequence.nextTokenIndex - this.ahead;
  }

  async read(ids: readonly TokenId[], signal?: AbortSignal): Promise<void> {
    if (this.length > 0) return this.#readOn(ids, signal);
    const read = this.#begin(ids, signal);
    // This comes first, so that sequences that begin at the same time wait for this one.
    this.beginning = ids;
    this.reading = read
      .catch(() => {
        this.beginning = ids.slice(0, this.length);
      })
      .finally(() => {
        this.reading = undefined;
      });
    await this.reading;
    return read;
  }

  async #begin(ids: readonly TokenId[], signal: AbortSignal | undefined): Promise<void> {
    const copied = await this.#copyBeginning(ids, signal);
    await this.#readOn(ids.slice(copied), signal);
  }

  async #readOn(ids: readonly TokenId[], signal?: AbortSignal): Promise<void> {
    const { batchSize, model } = this.shared;
    for (let start = 0; start < ids.length; start += batchSize) {
      throwIfAborted(model, signal);
      const batch = asTokens(ids.slice(start, start + batchSize));
      await this.call(() => this.sequence.evaluateWithoutGeneratingNewTokens(batch));
    }
  }

  /** Copies the beginning from another sequence. Returns the number of tokens copied. */
  async #copyBeginning(ids: readonly TokenId[], signal: AbortSignal | undefined): Promise<number> {
    const found = await this.shared.prefixes.find(this, ids, signal);
    if (found === undefined || !(await this.copyFrom(found.holder, found.length))) return 0;
    // Before the copy was made, the other sequence may have been cut, or closed and its slot given to a third one.
    if (commonLength(found.holder.beginning, ids) >= found.length) return found.length;
    await this.sequence.clearHistory();
    return 0;
  }

  /** Copies the first `length` tokens of another sequence of the context to this empty one. Returns false if that is impossible. */
  async copyFrom(other: LlamaCache, length: number): Promise<boolean> {
    const target = this.sequence as LlamaContextSequence & CopyableSequence;
    if (target._copyStateFromOtherSequence === undefined || this.sequence.needsCheckpoints) return false;
    if (await target._copyStateFromOtherSequence(other.sequence, length)) return true;
    await this.sequence.clearHistory();
    return false;
  }

  async truncate(length: number): Promise<void> {
    this.beginning = this.beginning.slice(0, length);
    this.ahead = 0;
    const end = this.sequence.nextTokenIndex;
    if (length < end) await this.sequence.eraseContextTokenRanges([{ start: length, end }]);
  }

  async close(): Promise<void> {
    this.beginning = [];
    this.shared.prefixes.delete(this);
    await this.sequence.dispose();
  }

  /** Makes one call into llama.cpp. */
  async call<T>(evaluate: () => Promise<T>): Promise<T> {
    if (this.ahead > 0) await this.truncate(this.length);
    this.calls++;
    const result = await this.shared.waves.run(evaluate);
    this.shared.activity.count++;
    return result;
  }
}
