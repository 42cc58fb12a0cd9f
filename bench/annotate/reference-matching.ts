/**
 * The reference's procedure for locating snippets, written from the description in the paper and its public code (Paper 3.2). Both texts
 * are in lower case. At every offset of the trace a window of the snippet's length is compared by the Ratcliff-Obershelp ratio of
 * Python's difflib, which leaves out elements that are too frequent. The best window counts if its ratio is at least .5. Below .95 its
 * edges are moved: the start to the first occurrence of the snippet's first five characters within 50, the end likewise.
 */

export interface ReferenceMatch {
  readonly start: number;
  readonly end: number;
  readonly ratio: number;
}

const MIN_RATIO = 0.5;
const SURE_RATIO = 0.95;
const REACH = 50;
const EDGE = 5;

/**
 * @param skipHopeless Leaves windows out that share too few characters with the snippet to be better than the best so far: the result is
 * the same.
 */
export function locateAsReference(
  snippet: string,
  trace: string,
  skipHopeless: boolean,
): ReferenceMatch | undefined {
  const wanted = snippet.toLowerCase();
  const text = trace.toLowerCase();
  const { length } = wanted;
  if (length === 0 || length > text.length) return undefined;
  let best: ReferenceMatch = { start: -1, end: -1, ratio: 0 };
  const shared = new SharedCharacters(wanted, text);
  for (let start = 0; start + length <= text.length; start++) {
    if (skipHopeless) {
      shared.moveTo(start);
      if (shared.count / length <= best.ratio) continue;
    }
    const ratio = similarityRatio(wanted, text.slice(start, start + length));
    if (ratio > best.ratio) best = { start, end: start + length, ratio };
  }
  if (best.ratio < MIN_RATIO) return undefined;
  return best.ratio < SURE_RATIO ? withMovedEdges(best, wanted, text) : best;
}

function withMovedEdges(match: ReferenceMatch, wanted: string, text: string): ReferenceMatch {
  let { start, end } = match;
  const left = Math.max(0, start - REACH);
  const first = text.slice(left, Math.min(text.length, start + REACH)).indexOf(wanted.slice(0, EDGE));
  if (first >= 0 && Math.abs(left + first - start) <= REACH) start = left + first;
  const from = Math.max(0, end - REACH - EDGE);
  const last = text.slice(from, Math.min(text.length, end + REACH)).indexOf(wanted.slice(-EDGE));
  if (last >= 0 && Math.abs(from + last + EDGE - end) <= REACH) end = from + last + EDGE;
  return { start, end, ratio: match.ratio };
}

/** How many characters a sliding window shares with the snippet, whatever their order: an upper bound of what can match. */
class SharedCharacters {
  count = 0;
  readonly #text: string;
  readonly #length: number;
  /** By character: how many more of it the snippet has than the window. */
  readonly #missing = new Map<number, number>();
  #start = 0;

  constructor(wanted: string, text: string) {
    this.#text = text;
    this.#length = wanted.length;
    for (let at = 0; at < wanted.length; at++) this.#change(wanted.charCodeAt(at), 1);
    for (let at = 0; at < wanted.length; at++) this.#enter(text.charCodeAt(at));
  }

  moveTo(start: number): void {
    while (this.#start < start) {
      this.#leave(this.#text.charCodeAt(this.#start));
      this.#enter(this.#text.charCodeAt(this.#start + this.#length));
      this.#start++;
    }
  }

  #enter(code: number): void {
    if ((this.#missing.get(code) ?? 0) > 0) this.count++;
    this.#change(code, -1);
  }

  #leave(code: number): void {
    this.#change(code, 1);
    if ((this.#missing.get(code) ?? 0) > 0) this.count--;
  }

  #change(code: number, by: number): void {
    this.#missing.set(code, (this.#missing.get(code) ?? 0) + by);
  }
}

/** Twice the characters in matching blocks over the characters of both; as `difflib.SequenceMatcher(None, left, right).ratio()`. */
function similarityRatio(left: string, right: string): number {
  const places = new Map<number, number[]>();
  for (let at = 0; at < right.length; at++) {
    const code = right.charCodeAt(at);
    const list = places.get(code);
    if (list === undefined) places.set(code, [at]);
    else list.push(at);
  }
  if (right.length >= 200) {
    const most = Math.floor(right.length / 100) + 1;
    for (const [code, list] of places) if (list.length > most) places.delete(code);
  }
  let matched = 0;
  const open: [number, number, number, number][] = [[0, left.length, 0, right.length]];
  let current = new Int32Array(right.length + 1);
  let before = new Int32Array(right.length + 1);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [leftLow, leftHigh, rightLow, rightHigh] = next;
    let [bestLeft, bestRight, size] = [leftLow, rightLow, 0];
    before.fill(0);
    for (let at = leftLow; at < leftHigh; at++) {
      current.fill(0);
      for (const place of places.get(left.charCodeAt(at)) ?? []) {
        if (place < rightLow) continue;
        if (place >= rightHigh) break;
        const run = (before[place] ?? 0) + 1;
        current[place + 1] = run;
        if (run > size) [bestLeft, bestRight, size] = [at - run + 1, place - run + 1, run];
      }
      [before, current] = [current, before];
    }
    // Frequent characters begin no block, but lengthen one.
    while (bestLeft > leftLow && bestRight > rightLow && left[bestLeft - 1] === right[bestRight - 1]) {
      bestLeft--;
      bestRight--;
      size++;
    }
    while (
      bestLeft + size < leftHigh &&
      bestRight + size < rightHigh &&
      left[bestLeft + size] === right[bestRight + size]
    ) {
      size++;
    }
    if (size === 0) continue;
    matched += size;
    if (leftLow < bestLeft && rightLow < bestRight) open.push([leftLow, bestLeft, rightLow, bestRight]);
    if (bestLeft + size < leftHigh && bestRight + size < rightHigh) {
      open.push([bestLeft + size, leftHigh, bestRight + size, rightHigh]);
    }
  }
  return left.length + right.length === 0 ? 1 : (2 * matched) / (left.length + right.length);
}
