/**
 * Finds the place of a text that is closest to a snippet: Myers' bit-vector search around the places that share many short pieces with it, then in
 * the whole text.
 */
import search from "approx-string-match";

const GRAM = 5;
const TABLE_BITS = 16;
/** Pieces in more places than this say little and cost much. */
const MOST_PLACES = 64;
const MOST_STARTS = 6;
const BUCKET = 16;

/** At this similarity the best of the likely places is taken without a search of the whole text. */
const SURELY_SIMILAR = 0.85;
/** An edge is sure when so many of the snippet's own units stand at it. */
const SURE = 3;

/** Index of the short pieces of a text. Looking a snippet up takes time in proportion to its length. */
export class GramIndex {
  /** A likely start may be this far off, in addition to the edits. */
  static readonly spread = 2 * BUCKET;

  readonly #text: string;
  /** The last place of each hash. {@link #before} holds, for each place, the one before it with the same hash, or -1. */
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

  /** Offsets where `wanted` may begin, at most six, the likeliest first. Each is exact to within {@link spread}. */
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
    // Edits shift the diagonal, so neighbouring buckets count together.
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

export interface Match {
  readonly start: number;
  readonly end: number;
  readonly errors: number;
}

/** Finds the place of `text` with the fewest edits to `wanted`. Of equally good places it takes the first after `after`. */
export function closest(
  text: string,
  grams: GramIndex,
  wanted: string,
  after: number,
  minimumSimilarity: number,
): Match | undefined {
  const most = Math.floor((1 - minimumSimilarity) * wanted.length + 1e-9);
  let best: Match | undefined;
  for (const diagonal of grams.likelyStarts(wanted)) {
    const from = Math.max(0, diagonal - most - GramIndex.spread);
    const to = Math.min(text.length, diagonal + wanted.length + most + GramIndex.spread);
    const match = closestIn(
      text.slice(from, to),
      wanted,
      best === undefined ? most : best.errors,
      after - from,
    );
    if (match === undefined || (best !== undefined && match.errors >= best.errors)) continue;
    best = { start: match.start + from, end: match.end + from, errors: match.errors };
  }
  if (best !== undefined && best.errors <= (1 - SURELY_SIMILAR) * wanted.length) return best;
  return closestIn(text, wanted, best?.errors ?? most, after);
}

/**
 * Takes the first of equally good places after `after`. Of equally good edges it takes those where the snippet's own units stand, else the
 * innermost: what a model added around a quotation must not reach into the neighbouring text.
 */
function closestIn(text: string, wanted: string, most: number, after: number): Match | undefined {
  const matches = search(text, wanted, most);
  const [first] = matches;
  if (first === undefined) return undefined;
  const seed = matches.find(({ start }) => start >= after) ?? first;
  // Ends close to each other belong to the same place.
  const ends = matches.filter(({ end }) => Math.abs(end - seed.end) <= seed.errors).map(({ end }) => end);
  const end = ends.findLast((one) => text.endsWith(wanted.slice(-SURE), one)) ?? Math.min(...ends);
  const from = Math.max(0, end - wanted.length - seed.errors);
  const starts = search(reversed(text.slice(from, end)), reversed(wanted), seed.errors).map(
    (match) => end - match.end,
  );
  const start =
    starts.find((one) => text.startsWith(wanted.slice(0, SURE), one)) ??
    Math.max(...(starts.length > 0 ? starts : [seed.start]));
  return { start, end, errors: seed.errors };
}

const reversed = (text: string): string => text.split("").toReversed().join("");
