/**
 * Sequences of one context that begin alike (the rollouts of a problem, requests with one system prompt) read the beginning once: a sequence that
 * is still empty copies it from one that has it, or waits for one that is reading it.
 */
import { unlessAborted } from "../../core/async.ts";
import type { ModelId, TokenId } from "../../core/ids.ts";
import { abortedError } from "../cancellation.ts";

/** Copying a beginning takes as long as reading some tokens. */
const SHORTEST = 32;

export interface PrefixHolder {
  /** What it read first, or reads now; of a sequence that is closed nothing, of one that was cut what is left. */
  readonly beginning: readonly TokenId[];
  /** While it reads its beginning; never rejects. */
  readonly reading: Promise<void> | undefined;
}

interface Found<Holder> {
  readonly holder: Holder;
  /** Tokens in common. */
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
   * The sequence that has most of what `ids` begin with. When one that is reading it will have more, it is waited for. Looks around before it
   * first waits: of sequences that begin at the same time, the later ones see those before them.
   */
  async find(
    target: Holder,
    ids: readonly TokenId[],
    signal?: AbortSignal,
  ): Promise<Found<Holder> | undefined> {
    const promising = this.#best(target, ids, false);
    if (promising?.holder.reading === undefined) return promising;
    await unlessAborted(promising.holder.reading, signal, (by) => abortedError(this.#model, by));
    // That may have failed. To wait twice would be to wait for those that wait for this one.
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
      if (length >= SHORTEST && (isMore || isThere)) best = { holder, length };
    }
    return best;
  }
}

/** Of two beginnings. */
export function commonLength(a: readonly TokenId[], b: readonly TokenId[]): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}
