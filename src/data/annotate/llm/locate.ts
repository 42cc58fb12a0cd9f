/**
 * Where in a trace a quoted snippet comes from. Models quote almost verbatim: they lose white space, change LaTeX, skip or change
 * words, and at times quote what is not there. Three ways, the cheap ones first: the very text; the same after both are brought
 * into normal form; and the place with the fewest edits (Myers' bit-vector search), around places that share short pieces with
 * the snippet first. (Paper 3.2 matches a window of the snippet's length at each offset of the trace by a fuzzy ratio.)
 */
import search from "approx-string-match";

import { editDistance } from "./edit-distance.ts";
import { type NormalForm, normalForm, restoreBackslashes } from "./normal-form.ts";
import { GramIndex } from "./gram-index.ts";

export interface LocateOptions {
  /** Least similarity, 1 - edits / units of the snippet in normal form; below it a snippet counts as not there. */
  readonly minimumSimilarity: number;
  /** Least share of the snippet's numbers that are in the text found: a step with other numbers is another step. */
  readonly minimumNumbers: number;
}

export const LOCATE_DEFAULTS: LocateOptions = { minimumSimilarity: 0.65, minimumNumbers: 0.6 };

export type Place =
  | {
      readonly status: "found";
      readonly start: number;
      readonly end: number;
      readonly method: "exact" | "normalised" | "approximate";
      /** Insertions, deletions and substitutions between the two normal forms: 0 unless `method` is `approximate`. */
      readonly edits: number;
      readonly similarity: number;
    }
  /** `similarity` of the best place, where one was compared. */
  | {
      readonly status: "absent";
      readonly reason: "too-short" | "not-similar" | "other-numbers";
      readonly similarity?: number;
    };

type Found = Extract<Place, { readonly status: "found" }>;

/** Shorter snippets, in normal form, are in too many places to say anything. */
const SHORTEST = 5;
const MOST_OCCURRENCES = 256;
/** From here on the best of the likely places is taken without looking at the others. */
const SURELY_SIMILAR = 0.85;
/** Units at either end of a quotation that say where it begins and ends. */
const EDGE = 8;
const MOST_REACH = 120;
/** As many own units make an edge sure. */
const SURE = 3;
const MOST_COMPARED = 16;
/** Longer ones are no snippets. */
const LONGEST = 20_000;

/** A trace prepared for looking up snippets. */
export class TraceText {
  readonly text: string;
  readonly normal: NormalForm;
  #grams: GramIndex | undefined;

  constructor(text: string) {
    this.text = text;
    this.normal = normalForm(text);
  }

  get grams(): GramIndex {
    this.#grams ??= new GramIndex(this.normal.text);
    return this.#grams;
  }
}

/**
 * The places of snippets, in their order. A snippet that is in several places is taken to come behind the one before it, where
 * that is possible: models quote in the order of the trace.
 */
export function locateSnippets(
  trace: TraceText,
  snippets: readonly string[],
  options: LocateOptions = LOCATE_DEFAULTS,
): Place[] {
  let after = 0;
  return snippets.map((snippet) => {
    const place = locate(trace, snippet, after, options);
    if (place.status === "found") after = place.end;
    return place;
  });
}

function locate(trace: TraceText, snippet: string, after: number, options: LocateOptions): Place {
  const quotation = restoreBackslashes(snippet).trim().slice(0, LONGEST);
  const bare = undecorated(quotation);
  const readings = (bare === quotation ? [quotation] : [quotation, bare]).map((text) => ({
    text,
    normal: normalForm(text).text,
  }));
  if (readings.every(({ normal }) => normal.length < SHORTEST))
    return { status: "absent", reason: "too-short" };
  const usable = readings.filter(({ normal }) => normal.length >= SHORTEST);
  for (const { text } of usable) {
    const exact = chosen(occurrences(trace.text, text), after);
    if (exact !== undefined) {
      return {
        status: "found",
        start: exact,
        end: exact + text.length,
        method: "exact",
        edits: 0,
        similarity: 1,
      };
    }
  }
  const normalAfter = firstAtOrBehind(trace.normal.starts, after);
  for (const { text, normal } of usable) {
    const places = occurrences(trace.normal.text, normal).map((at) =>
      found(trace, at, at + normal.length, "normalised", 0, 1),
    );
    if (places.length > 0) return mostLike(trace, text, places, after);
  }
  let best: Place = { status: "absent", reason: "not-similar" };
  for (const { text, normal } of usable) {
    const place = approximate(trace, text, normal, normalAfter, options);
    if (place !== undefined && (best.similarity ?? 0) < place.similarity) best = place;
  }
  return best;
}

/** What models put around a quotation: list marks, a label, quotation marks, emphasis, a remark in brackets. */
function undecorated(quotation: string): string {
  return quotation
    .replace(/^(?:[-*•–>]+|\(?\d{1,3}[.):]|#+)\s+/u, "")
    .replace(/^[A-Z][a-z]{2,15}(?: [A-Za-z0-9]{1,15})?:\s+/u, "")
    .replace(/\s+\([A-Za-z][^()]{0,60}\)$/u, "")
    .replaceAll(/^["“”'`*_]+|["“”'`*_]+$/gu, "")
    .trim();
}

/** Of places that are the same in normal form, the one that is most like the quotation as it was written. */
function mostLike(trace: TraceText, quotation: string, places: readonly Found[], after: number): Found {
  const [first] = places;
  if (first === undefined) throw new RangeError("mostLike: there are no places");
  if (places.length === 1) return first;
  const distances = places
    .slice(0, MOST_COMPARED)
    .map((place) => editDistance(quotation, withSilentEdges(trace, place)));
  const least = Math.min(...distances);
  const equal = places.filter((_, index) => distances[index] === least);
  return equal.find(({ start }) => start >= after) ?? equal[0] ?? first;
}

/** The place as it is written, with what has no unit in the normal form on either side of it: `\[`, dollar signs, emphasis. */
function withSilentEdges({ text, normal }: TraceText, { start, end }: Found): string {
  const before = normal.ends[firstAtOrBehind(normal.starts, start) - 1] ?? 0;
  const behind = normal.starts[firstAtOrBehind(normal.starts, end)] ?? text.length;
  return text.slice(before, behind).trim();
}

function approximate(
  trace: TraceText,
  quotation: string,
  wanted: string,
  after: number,
  options: LocateOptions,
): (Extract<Place, { readonly similarity?: number }> & { readonly similarity: number }) | undefined {
  const match = closest(trace, wanted, after, options.minimumSimilarity);
  if (match === undefined) return undefined;
  const { start, end } = withQuotedEdges(trace.normal.text, wanted, match);
  const isSame = start === match.start && end === match.end;
  const edits = isSame ? match.errors : editDistance(wanted, trace.normal.text.slice(start, end));
  const similarity = 1 - match.errors / wanted.length;
  const place = found(trace, start, end, "approximate", edits, similarity);
  return sharedNumbers(quotation, trace.text.slice(place.start, place.end)) < options.minimumNumbers
    ? { status: "absent", reason: "other-numbers", similarity }
    : place;
}

/**
 * Where something near an edge was left out of a quotation, the cheapest alignment may leave out what is before it as well. The
 * quotation's own first and last units, found near by, say where it began and ended.
 */
function withQuotedEdges(
  text: string,
  wanted: string,
  { start, end }: Match,
): { readonly start: number; readonly end: number } {
  const reach = Math.min(MOST_REACH, 24 + Math.floor(wanted.length / 2));
  const head = wanted.slice(0, EDGE);
  const tail = wanted.slice(-EDGE);
  let [newStart, newEnd] = [start, end];
  if (wanted.length >= 3 * EDGE && !text.startsWith(head, start)) {
    const at = text.slice(Math.max(0, start - reach), start + EDGE).lastIndexOf(head);
    if (at >= 0) newStart = Math.max(0, start - reach) + at;
  }
  if (wanted.length >= 3 * EDGE && !text.endsWith(tail, end)) {
    const from = Math.max(0, end - EDGE);
    const at = text.slice(from, end + reach).indexOf(tail);
    if (at >= 0) newEnd = from + at + EDGE;
  }
  return { start: newStart, end: newEnd };
}

function found(
  { normal }: TraceText,
  start: number,
  end: number,
  method: Found["method"],
  edits: number,
  similarity: number,
): Found {
  return {
    status: "found",
    start: normal.starts[start] ?? 0,
    end: normal.ends[end - 1] ?? 0,
    method,
    edits,
    similarity,
  };
}

interface Match {
  readonly start: number;
  readonly end: number;
  readonly errors: number;
}

/** The place with the fewest edits, in units of the normal form. */
function closest(
  trace: TraceText,
  wanted: string,
  after: number,
  minimumSimilarity: number,
): Match | undefined {
  const { text } = trace.normal;
  const most = Math.floor((1 - minimumSimilarity) * wanted.length + 1e-9);
  let best: Match | undefined;
  for (const diagonal of trace.grams.likelyStarts(wanted)) {
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
 * Among equally good places the first behind `after`; of equally good edges of it those at which the snippet's own units stand, else
 * the innermost: what a model put before or behind a quotation is not to reach into the neighbouring text.
 */
function closestIn(text: string, wanted: string, most: number, after: number): Match | undefined {
  const matches = search(text, wanted, most);
  const [first] = matches;
  if (first === undefined) return undefined;
  const seed = matches.find(({ start }) => start >= after) ?? first;
  // Ends of one and the same place lie side by side.
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

function occurrences(text: string, wanted: string): number[] {
  const found: number[] = [];
  for (
    let at = text.indexOf(wanted);
    at >= 0 && found.length < MOST_OCCURRENCES;
    at = text.indexOf(wanted, at + 1)
  ) {
    found.push(at);
  }
  return found;
}

const chosen = (places: readonly number[], after: number): number | undefined =>
  places.find((place) => place >= after) ?? places[0];

/** Index of the first unit of the normal form that stands for `offset` or what is behind it. */
function firstAtOrBehind(starts: Uint32Array, offset: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((starts[middle] ?? 0) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Share of the numbers of `quotation` that are in `text` as well, each as often; 1 when there are none. */
function sharedNumbers(quotation: string, text: string): number {
  const wanted = numbersIn(quotation);
  if (wanted.length === 0) return 1;
  const there = new Map<string, number>();
  for (const number of numbersIn(text)) there.set(number, (there.get(number) ?? 0) + 1);
  let shared = 0;
  for (const number of wanted) {
    const left = there.get(number) ?? 0;
    if (left === 0) continue;
    there.set(number, left - 1);
    shared++;
  }
  return shared / wanted.length;
}

const numbersIn = (text: string): string[] => text.replaceAll(/(?<=\d),(?=\d{3})/gu, "").match(/\d+/gu) ?? [];
