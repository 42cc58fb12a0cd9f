/** The prefix cache: slots that keep what they read, and the one that knows most of a new prompt. */
import type { TokenId } from "../../../src/core/ids.ts";
import { commonPrefix, type ServedModel, type ServedSlot } from "./served-model.ts";

export interface SlotPoolOptions {
  /** Requests at once; more of them wait. */
  readonly slots: number;
  /** Whether a prefix that another request uses right now can be taken from there (a radix cache; llama.cpp's slots cannot). */
  readonly sharesPrefixes: boolean;
}

interface PooledSlot {
  readonly index: number;
  readonly slot: ServedSlot;
  busy: boolean;
  usedAt: number;
}

export interface Lease {
  readonly index: number;
  readonly slot: ServedSlot;
  /** Tokens of the prompt that the slot knows. */
  readonly known: number;
  release(): void;
}

export class SlotPool {
  readonly #model: ServedModel;
  readonly #options: SlotPoolOptions;
  readonly #slots: PooledSlot[] = [];
  readonly #waiting: (() => void)[] = [];
  #uses = 0;

  constructor(model: ServedModel, options: SlotPoolOptions) {
    this.#model = model;
    this.#options = options;
  }

  get busy(): number {
    return this.#slots.filter(({ busy }) => busy).length;
  }

  /** The free slot that knows most of `ids`; of several the one unused for longest. */
  async take(ids: readonly TokenId[], signal: AbortSignal): Promise<Lease> {
    while (this.busy >= this.#options.slots) await this.#turn(signal);
    signal.throwIfAborted();
    const ranked = this.#slots
      .map((pooled) => ({ pooled, known: commonPrefix(pooled.slot.ids, ids) }))
      .sort((left, right) => right.known - left.known || left.pooled.usedAt - right.pooled.usedAt);
    const best = ranked[0];
    const free = ranked.find(({ pooled }) => !pooled.busy);
    const mayOpen = this.#slots.length < this.#options.slots;
    // A slot that knows little of this prompt is somebody else's: a new one is better, while there are any.
    const reuse = free !== undefined && (!mayOpen || free.known * 2 >= free.pooled.slot.ids.length);
    const pooled = reuse ? free.pooled : this.#open();
    let known = reuse ? free.known : 0;
    pooled.busy = true;
    pooled.usedAt = ++this.#uses;
    if (this.#options.sharesPrefixes && best !== undefined && best.known > known) {
      await pooled.slot.copy?.(best.pooled.slot, best.known);
      known = commonPrefix(pooled.slot.ids, ids);
    }
    return {
      index: pooled.index,
      slot: pooled.slot,
      known,
      release: () => {
        pooled.busy = false;
        this.#waiting.shift()?.();
      },
    };
  }

  #open(): PooledSlot {
    const pooled = { index: this.#slots.length, slot: this.#model.openSlot(), busy: false, usedAt: 0 };
    this.#slots.push(pooled);
    return pooled;
  }

  async #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const proceed = (): void => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        const at = this.#waiting.indexOf(proceed);
        if (at >= 0) this.#waiting.splice(at, 1);
        reject(signal.reason);
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.push(proceed);
    });
  }
}
