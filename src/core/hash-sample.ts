/**
 * A sample of a stream of unknown length: the groups whose ids have the lowest hashes. Every group is equally likely, and the same seed
 * takes the same groups. All items of a group are taken together, wherever in the stream they are.
 */
import { hash32 } from "./rng.ts";

interface Group<Item> {
  readonly id: string;
  readonly hash: number;
  /** Position of the group's first item in the stream. */
  readonly place: number;
  readonly items: Item[];
  units: number;
}

export interface SampleLimits {
  readonly groups: number;
  /** Limit on the units of all items together. While the stream is read, about twice as much may be held. */
  readonly units: number;
}

export class HashSample<Item> {
  readonly #limits: SampleLimits;
  readonly #seed: number;
  readonly #unitsOf: (item: Item) => number;
  #groups = new Map<string, Group<Item>>();
  #units = 0;
  #seen = 0;
  /** The last group in the sample: later ones are out. Undefined while all groups are in. */
  #last: Pick<Group<Item>, "hash" | "id"> | undefined;

  constructor(limits: SampleLimits, seed: number, unitsOf: (item: Item) => number) {
    this.#limits = limits;
    this.#seed = seed;
    this.#unitsOf = unitsOf;
  }

  /** Whether an item of this group would be kept, as far as is known. Ask before costly work on an item. */
  takes(id: string): boolean {
    return this.#last === undefined || compare({ id, hash: hash32(id, this.#seed) }, this.#last) <= 0;
  }

  add(id: string, item: Item): void {
    const place = this.#seen;
    this.#seen += 1;
    const hash = hash32(id, this.#seed);
    if (this.#last !== undefined && compare({ id, hash }, this.#last) > 0) return;
    const units = this.#unitsOf(item);
    const group = this.#groups.get(id);
    if (group === undefined) this.#groups.set(id, { id, hash, place, items: [item], units });
    else {
      group.items.push(item);
      group.units += units;
    }
    this.#units += units;
    const { groups: most, units: mostUnits } = this.#limits;
    if (this.#groups.size > 2 * most + 16 || this.#units > 2 * mostUnits) this.#cut();
  }

  /** The groups in the order of the stream, each with its items. */
  groups(): { readonly id: string; readonly items: readonly Item[] }[] {
    this.#cut();
    return [...this.#groups.values()]
      .sort((left, right) => left.place - right.place)
      .map(({ id, items }) => ({ id, items }));
  }

  /**
   * Keeps the groups with the lowest hashes, as many as the limits allow. A group that is cut cannot come back, since the sums
   * only grow.
   */
  #cut(): void {
    const ranked = [...this.#groups.values()].sort(compare);
    let units = 0;
    let kept = 0;
    for (const group of ranked) {
      if (kept === this.#limits.groups || units + group.units > this.#limits.units) break;
      units += group.units;
      kept += 1;
    }
    if (kept === ranked.length) return;
    this.#groups = new Map(ranked.slice(0, kept).map((group) => [group.id, group]));
    this.#units = units;
    this.#last = ranked[kept - 1] ?? NOTHING;
  }
}

/** A hash before that of every group. */
const NOTHING = { hash: -1, id: "" };

const compare = (left: { hash: number; id: string }, right: { hash: number; id: string }): number =>
  left.hash - right.hash || (left.id < right.id ? -1 : left.id > right.id ? 1 : 0);
