/**
 * Sequences of one context with the same beginning read it once. They are the rollouts of a problem, or requests with one system prompt. An
 * empty sequence copies the beginning from a sequence that has it, or waits for one that is reading it.
 */
import { unlessAborted } from "../../core/async.ts";
import type { ModelId, TokenId } from "../../core/ids.ts";
import { abortedError } from "../cancellation.ts";

/** Shortest beginning to copy. A copy takes as long as reading a few tokens. */
const MIN_TOKENS = 32;

export interface PrefixHolder {
  /** The tokens that it read first or is reading now: shorter after a cut, empty after the close. */
  readonly beginning: readonly TokenId[];
  /** Present while the sequence reads its beginning. Never rejects. */
  readonly reading: Promise<void> | undefined;
}

interface Found<Holder> {
  readonly holder: Holder;
  /** Number of tokens in common. */
  readonly length: number;
}

export class SharedPrefixes<Holder extends PrefixHolder> {
  readonly #model: ModelId;
  readonly #holders = new Set<Holder>();

  constructor(model: ModelId) {
    this.#model = model;
  }

  add(holder: Holder): void {
    this.#holders.add(holder);
  }

  delete(holder: Holder): void {
    this.#holders.delete(holder);
  }

  /**
   * Finds the sequence with the longest common beginning. Waits for a sequence that is reading a longer one. The search runs before the
   * first wait, so a sequence sees those that began just before it.
   */
  async find(
    target: Holder,
    ids: readonly TokenId[],
    signal?: AbortSignal,
  ): Promise<Found<Holder> | undefined> {
    const promising = this.#best(target, ids, false);
    if (promising?.holder.reading === undefined) return promising;
    await unlessAborted(promising.holder.reading, signal, (by) => abortedError(this.#model, by));
    // The other read may have failed. A second wait could be for a sequence that waits for this one.
    return this.#best(target, ids, true);
  }

  #best(target: Holder, ids: readonly TokenId[], onlyRead: boolean): Found<Holder> | undefined {
    let best: Found<Holder> | undefined;
    for (const holder of this.#holders) {
      if (holder === target || (onlyRead && holder.reading !== undefined)) continue;
      const length = commonLength(holder.beginning, ids);
      const isMore = length > (best?.length ?? 0);
      const isThere =
        length === best?.length && best.holder.reading !== undefined && holder.reading === undefined;
      if (length >= MIN_TOKENS && (isMore || isThere)) best = { holder, length };
    }
    return best;
  }
}

/** Length of the common beginning of two lists. */
export function commonLength(a: readonly TokenId[], b: readonly TokenId[]): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}
