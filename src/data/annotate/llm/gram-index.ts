/** Short pieces of a text by where they are: finds the places that share many of them with a snippet, in time about that of the snippet. */

const GRAM = 5;
const TABLE_BITS = 16;
/** Pieces that are in more places than this say little, and cost much. */
const MOST_PLACES = 64;
const MOST_STARTS = 6;
const BUCKET = 16;

export class GramIndex {
  /** A start may be this far off, beyond the edits. */
  static readonly spread = 2 * BUCKET;

  readonly #text: string;
  /** The last place of each hash, and for each place the one before it with the same hash, or -1. */
  readonly #last = new Int32Array(1 << TABLE_BITS).fill(-1);
  readonly #before: Int32Array;

  constructor(text: string) {
    this.#text = text;
    this.#before = new Int32Array(Math.max(0, text.length - GRAM + 1));
    for (let at = 0; at < this.#before.length; at++) {
      const hash = hashAt(text, at);
      this.#before[at] = this.#last[hash] ?? -1;
      this.#last[hash] = at;
    }
  }

  /** Offsets where `wanted` would begin, those that share most with it first; at most six. Each is good to within {@link spread}. */
  likelyStarts(wanted: string): number[] {
    const votes = new Map<number, number>();
    for (let at = 0; at + GRAM <= wanted.length; at++) {
      let place = this.#last[hashAt(wanted, at)] ?? -1;
      for (let seen = 0; place >= 0 && seen < MOST_PLACES; seen++) {
        if (this.#text.startsWith(wanted.slice(at, at + GRAM), place)) {
          const bucket = Math.floor((place - at) / BUCKET);
          votes.set(bucket, (votes.get(bucket) ?? 0) + 1);
        }
        place = this.#before[place] ?? -1;
      }
    }
    // Edits move the diagonal: neighbours count for each other.
    return [...votes.keys()]
      .map((bucket) => ({
        bucket,
        votes: (votes.get(bucket) ?? 0) + (votes.get(bucket + 1) ?? 0) + (votes.get(bucket - 1) ?? 0),
      }))
      .sort((left, right) => right.votes - left.votes || left.bucket - right.bucket)
      .slice(0, MOST_STARTS)
      .map(({ bucket }) => bucket * BUCKET);
  }
}

function hashAt(text: string, at: number): number {
  let hash = 0x811c9dc5;
  for (let unit = at; unit < at + GRAM; unit++) hash = Math.imul(hash ^ text.charCodeAt(unit), 0x01000193);
  return (hash ^ (hash >>> TABLE_BITS)) & ((1 << TABLE_BITS) - 1);
}
