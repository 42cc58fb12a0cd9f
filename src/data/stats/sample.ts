/** A sample of a stream whose length nobody knows: every row is as likely to be in it as any other, and the same seed takes the same. */
import type { Rng } from "../../core/rng.ts";

export class Sample<Item> {
  readonly #size: number;
  readonly #rng: Rng;
  readonly #kept: { readonly place: number; readonly item: Item }[] = [];
  #seen = 0;

  constructor(size: number, rng: Rng) {
    this.#size = size;
    this.#rng = rng;
  }

  get seen(): number {
    return this.#seen;
  }

  add(item: Item): void {
    const place = this.#seen;
    this.#seen += 1;
    if (this.#kept.length < this.#size) {
      this.#kept.push({ place, item });
      return;
    }
    const slot = this.#rng.integer(0, place);
    if (slot < this.#size) this.#kept[slot] = { place, item };
  }

  /** In the order of the stream. */
  items(): Item[] {
    return [...this.#kept].sort((left, right) => left.place - right.place).map(({ item }) => item);
  }
}
