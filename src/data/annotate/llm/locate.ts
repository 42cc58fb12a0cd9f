/**
 * Finds where in a trace a quoted snippet comes from. Models quote almost verbatim: they lose white space, change LaTeX, skip or change
 * words, and at times quote what is not there. Three searches, the cheapest first: the exact text; the same text after both are in normal
 * form; and the place with the fewest edits. (Paper 3.2 matches a window of the snippet's length at each offset by a fuzzy ratio.)
 */
import { closest, GramIndex, type Match } from "./closest-match.ts";
import { editDistance, sharedNumbers } from "./likeness.ts";
import { type NormalForm, normalForm, restoreBackslashes } from "./normal-form.ts";

export interface LocateOptions {
  /** Least similarity, 1 - edits / units of the snippet in normal form. A snippet below it counts as absent. */
  readonly minimumSimilarity: number;
  /** Least share of the snippet's numbers that the text must contain: a step with other numbers is another step. */
  readonly minimumNumbers: number;
}

export const LOCATE_DEFAULTS: LocateOptions = { minimumSimilarity: 0.65, minimumNumbers: 0.6 };

export type Place =
  | {
      readonly status: "found";
      readonly start: number;
      readonly end: number;
      readonly method: "exact" | "normalised" | "approximate";
      /** Insertions, deletions and substitutions between the two normal forms; 0 unless `method` is `approximate`. */
      readonly edits: number;
      readonly similarity: number;
    }
  /** `similarity` is that of the best place, where one was compared. */
  | {
      readonly status: "absent";
      readonly reason: "too-short" | "not-similar" | "other-numbers";
      readonly similarity?: number;
    };

type Found = Extract<Place, { readonly status: "found" }>;

/** Snippets shorter than this, in normal form, occur in too many places to mean anything. */
const SHORTEST = 5;
const MOST_OCCURRENCES = 256;
/** Units at either end of a quotation that show where it begins and ends. */
const EDGE = 8;
const MOST_REACH = 120;
const MOST_COMPARED = 16;
/** Longer quotations are cut to this length. */
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
 * Finds the places of snippets, in their order. Of several places for a snippet it takes the first after the snippet before, where there is
 * one: models quote in the order of the trace.
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
  const normalAfter = firstAtOrAfter(trace.normal.starts, after);
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

/** Removes what models put around a quotation: list marks, a label, quotation marks, emphasis, a remark in brackets. */
function undecorated(quotation: string): string {
  return quotation
    .replace(/^(?:[-*•–>]+|\(?\d{1,3}[.):]|#+)\s+/u, "")
    .replace(/^[A-Z][a-z]{2,15}(?: [A-Za-z0-9]{1,15})?:\s+/u, "")
    .replace(/\s+\([A-Za-z][^()]{0,60}\)$/u, "")
    .replaceAll(/^["“”'`*_]+|["“”'`*_]+$/gu, "")
    .trim();
}

/** Chooses, of places equal in normal form, the one most like the quotation as written. */
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

/** The place as it is written, with the text on either side that has no unit in the normal form: `\[`, dollar signs, emphasis. */
function withSilentEdges({ text, normal }: TraceText, { start, end }: Found): string {
  const before = normal.ends[firstAtOrAfter(normal.starts, start) - 1] ?? 0;
  const afterIt = normal.starts[firstAtOrAfter(normal.starts, end)] ?? text.length;
  return text.slice(before, afterIt).trim();
}

function approximate(
  trace: TraceText,
  quotation: string,
  wanted: string,
  after: number,
  options: LocateOptions,
): (Extract<Place, { readonly similarity?: number }> & { readonly similarity: number }) | undefined {
  const match = closest(trace.normal.text, trace.grams, wanted, after, options.minimumSimilarity);
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
 * Moves the edges of a match to the quotation's own first and last units, if they are near. Where a quotation lacks something near its edge, the
 * cheapest alignment may cut off the text outside that gap too.
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

/** Index of the first unit of the normal form that stands for `offset` or for text after it. */
function firstAtOrAfter(starts: Uint32Array, offset: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((starts[middle] ?? 0) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
