/**
 * Finds the least score of a hard word, so that a wanted share of all tokens is hard. It is exact, in bounded memory, for any
 * number of words. Words are shown in passes. If all fit into memory, one pass ranks them. Otherwise the first passes count
 * tokens by ranges of scores, and the last pass ranks the words of the range with the threshold.
 */

export interface ThresholdOptions {
  /** Wanted share of the tokens, 0 to 1. */
  readonly share: number;
  /** A word below this score is never hard. At least 0. */
  readonly minimum: number;
  /** Most words held in memory. */
  readonly capacity?: number;
}

/** 64 MiB of scores and token counts. */
const CAPACITY = 1 << 22;
/** A score is a double; each counting pass distinguishes 16 of its bits. */
const BUCKETS = 1 << 16;

export class ThresholdSearch {
  readonly #share: number;
  readonly #minimum: number;
  readonly #words: WordList;
  /** Tokens of words with scores above the range searched. */
  #above = 0;
  /** Least score above the range searched. */
  #leastAbove = Number.POSITIVE_INFINITY;
  #total = 0;
  /** The leading bits of a score in the range searched, 16 at a time. */
  readonly #prefix: number[] = [];
  #counts = new BucketCounts();
  #result: { readonly threshold: number; readonly share: number } | undefined;

  constructor({ share, minimum, capacity = CAPACITY }: ThresholdOptions) {
    this.#share = share;
    this.#minimum = minimum;
    this.#words = new WordList(capacity);
  }

  /** Shows one word. Each pass shows the same words in the same order. */
  add(score: number, tokens: number): void {
    if (this.#prefix.length === 0) {
      this.#total += tokens;
      this.#words.add(score, tokens);
    }
    if (!(score >= this.#minimum)) return;
    const parts = bitsOf(score);
    if (this.#prefix.some((part, level) => parts[level] !== part)) return;
    if (this.#prefix.length > 0) this.#words.add(score, tokens);
    this.#counts.add(parts[this.#prefix.length] ?? 0, score, tokens);
  }

  /** Ends a pass. Returns true when another pass is needed. */
  endPass(): boolean {
    if (!this.#words.isOverfull) {
      this.#rank();
      return false;
    }
    const limit = this.#share * this.#total;
    const bucket = this.#counts.fill(this.#above, limit);
    this.#above = bucket.above;
    this.#leastAbove = Math.min(this.#leastAbove, bucket.leastAbove);
    if (bucket.index === undefined || this.#prefix.length === LEVELS - 1) {
      // Either everything fits, or the rest has a single score: words of one score are hard together.
      const fits = bucket.index !== undefined && this.#above + bucket.firstTokens <= limit;
      if (fits) {
        this.#above += Math.floor((limit - this.#above) / bucket.firstTokens) * bucket.firstTokens;
        this.#leastAbove = bucket.least;
      }
      this.#finish(this.#above);
      return false;
    }
    this.#prefix.push(bucket.index);
    this.#counts = new BucketCounts();
    this.#words.clear();
    return true;
  }

  /** The threshold, infinite when nothing is hard, and the share of the words counted up to the wanted share. */
  get result(): { readonly threshold: number; readonly share: number } {
    if (this.#result === undefined) throw new Error("ThresholdSearch: the passes have not ended");
    return this.#result;
  }

  /** Takes words from the highest score down while they fit. */
  #rank(): void {
    const ranked = this.#words.ranked();
    // Summed in the order of rank, so that the same words give the same bits.
    if (this.#prefix.length === 0)
      this.#total = ranked.reduce((sum, index) => sum + this.#words.tokens(index), 0);
    for (const index of ranked) {
      const score = this.#words.score(index);
      const tokens = this.#words.tokens(index);
      if (score < this.#minimum || this.#above + tokens > this.#share * this.#total) break;
      this.#above += tokens;
      this.#leastAbove = score;
    }
    this.#finish(this.#above);
  }

  #finish(marked: number): void {
    this.#result = { threshold: this.#leastAbove, share: this.#total === 0 ? 0 : marked / this.#total };
  }
}

const LEVELS = 4;
const double = new Float64Array(1);
const halves = new Uint32Array(double.buffer);

/** The four 16-bit parts, highest first: doubles of at least 0 have the order of their bits. */
function bitsOf(score: number): readonly [number, number, number, number] {
  // Turns minus zero into zero.
  double[0] = score + 0;
  const [low = 0, high = 0] = halves;
  return [high >>> 16, high & 0xffff, low >>> 16, low & 0xffff];
}

class BucketCounts {
  readonly #tokens = new Float64Array(BUCKETS);
  readonly #least = new Float64Array(BUCKETS).fill(Number.POSITIVE_INFINITY);
  readonly #firstTokens = new Float64Array(BUCKETS).fill(Number.NaN);

  add(bucket: number, score: number, tokens: number): void {
    this.#tokens[bucket] = (this.#tokens[bucket] ?? 0) + tokens;
    this.#least[bucket] = Math.min(this.#least[bucket] ?? Infinity, score);
    if (Number.isNaN(this.#firstTokens[bucket])) this.#firstTokens[bucket] = tokens;
  }

  /** Takes whole buckets from the highest down while they fit; `index` is the first that does not. */
  fill(
    from: number,
    limit: number,
  ): {
    readonly above: number;
    readonly leastAbove: number;
    readonly index: number | undefined;
    readonly least: number;
    readonly firstTokens: number;
  } {
    let above = from;
    let leastAbove = Number.POSITIVE_INFINITY;
    for (let index = BUCKETS - 1; index >= 0; index--) {
      const tokens = this.#tokens[index] ?? 0;
      const least = this.#least[index] ?? Infinity;
      if (least === Number.POSITIVE_INFINITY) continue;
      if (above + tokens > limit) {
        return { above, leastAbove, index, least, firstTokens: this.#firstTokens[index] ?? 0 };
      }
      above += tokens;
      leastAbove = least;
    }
    return { above, leastAbove, index: undefined, least: leastAbove, firstTokens: 0 };
  }
}

/** Scores and token counts in the order in which they came, up to a capacity. */
class WordList {
  readonly #capacity: number;
  #scores = new Float64Array(1024);
  #tokenCounts = new Float64Array(1024);
  #length = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get isOverfull(): boolean {
    return this.#length > this.#capacity;
  }

  add(score: number, tokens: number): void {
    if (this.isOverfull) return;
    this.#length++;
    if (this.isOverfull) {
      this.#scores = new Float64Array(1024);
      this.#tokenCounts = new Float64Array(1024);
      return;
    }
    if (this.#length > this.#scores.length) {
      this.#scores = grown(this.#scores);
      this.#tokenCounts = grown(this.#tokenCounts);
    }
    this.#scores[this.#length - 1] = score;
    this.#tokenCounts[this.#length - 1] = tokens;
  }

  clear(): void {
    this.#length = 0;
  }

  score(index: number): number {
    return this.#scores[index] ?? 0;
  }

  tokens(index: number): number {
    return this.#tokenCounts[index] ?? 0;
  }

  /** Indices, highest score first; equal scores keep their order. */
  ranked(): Uint32Array {
    return Uint32Array.from({ length: this.#length }, (_, index) => index).sort(
      (left, right) => this.score(right) - this.score(left) || left - right,
    );
  }
}

function grown(list: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(2 * list.length);
  larger.set(list);
  return larger;
}
