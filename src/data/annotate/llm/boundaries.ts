/**
 * Draws spans to good edges: to the edge of a sentence or formula if one is near, otherwise to the edge of a word. An edge never lies inside a
 * tag, a LaTeX command, a number, a word or a grapheme. Spans that are near each other become one.
 */
import type { Span } from "../../../formats/trace-row.ts";
import type { Place } from "./locate.ts";

export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** A span is drawn to the edge of a sentence or formula at most this far off (UTF-16 units). */
const SNAP_DISTANCE = 24;
/** At most this much of a quotation is cut off for an edge: a stray word. */
const CUT_DISTANCE = 6;
/** A span may end inside a longer formula: one step need not take a whole derivation. */
const LONGEST_FORMULA = 400;

/** No span edge stands inside one of these. A dollar sign next to a space, or before a digit, is money. */
const WHOLE =
  /<[/!|\\]?[A-Za-z][\w:|.-]{0,40}(?:\s+[\w-]+=[^<>\n]{0,80})?\/?>|\$\$[^$]{1,2000}\$\$|\$(?!\s)[^$\n]{0,399}[^$\s>]\$(?!\d)|\\\[[^]{1,2000}?\\\]|\\\([^]{1,400}?\\\)|\\(?:begin|end)\{[^{}\n]{0,40}\}|\\[A-Za-z]+\*?|\\[^A-Za-z\s]|[\p{L}\p{M}\p{N}_]+(?:[.,'’][\p{L}\p{M}\p{N}_]+)*/gu;

/** The end of a sentence: a full stop and its closing marks before white space; or the end of a line. */
const SENTENCE_END = /[.!?…。！？]+["'”’)\]*]*(?=\s|$)|[^\s](?=\s*\n)|[^\s](?=\s*$)/gu;
const ABBREVIATION = /(?:^|[\s(])(?:e\.g|i\.e|cf|vs|etc|eq|eqs|fig|no|approx|resp|[A-Za-z])\.$/iu;
const LIST_NUMBER = /(?:^|\n)\s*\d{1,3}\.$/u;

export class TraceBoundaries {
  readonly #text: string;
  /** Stretches that are never cut, in rising order, without overlaps. */
  readonly #wholes: readonly Stretch[];
  readonly #sentenceStarts: readonly number[];
  readonly #sentenceEnds: readonly number[];
  readonly #formulaStarts: readonly number[];
  readonly #formulaEnds: readonly number[];

  constructor(text: string) {
    this.#text = text;
    const formulas: Stretch[] = [];
    this.#wholes = wholesIn(text, 0, formulas);
    const ends = sentenceEnds(text, formulas);
    const edges = formulas.filter(({ start, end }) => end - start > 2);
    this.#formulaStarts = edges.map(({ start }) => start);
    this.#formulaEnds = edges.map(({ end }) => end);
    this.#sentenceEnds = ends;
    this.#sentenceStarts = [...new Set([0, ...ends].map((offset) => this.#skipSpace(offset)))];
  }

  /** Draws a span to its edges, without white space around it; undefined when nothing is left. */
  snap(span: Stretch): Stretch | undefined {
    const start = this.#snapStart(this.#skipSpace(span.start));
    const end = this.#snapEnd(this.#trimSpace(span.end), start);
    return end > start ? { start, end } : undefined;
  }

  #snapStart(offset: number): number {
    const edge = this.#edgeFor(offset, -1);
    return this.#graphemeStart(this.#outOf(edge)?.start ?? edge);
  }

  #snapEnd(offset: number, start: number): number {
    const edge = this.#edgeFor(offset, 1);
    // The end never moves back over the whole span.
    const end = edge > start ? edge : offset;
    return this.#graphemeEnd(this.#outOf(end)?.end ?? end);
  }

  /**
   * The edge for `offset`: the first of these that exists. `offset` itself, if it is an edge; a sentence's edge a few characters
   * inwards; a sentence's edge within reach outwards; a formula's edge; `offset` itself.
   * @param outwards -1 for a start, 1 for an end.
   */
  #edgeFor(offset: number, outwards: -1 | 1): number {
    const sentences = outwards < 0 ? this.#sentenceStarts : this.#sentenceEnds;
    const formulas = outwards < 0 ? this.#formulaStarts : this.#formulaEnds;
    if (has(sentences, offset) || has(formulas, offset)) return offset;
    const inner = outwards < 0 ? atOrBehind(sentences, offset) : atOrBefore(sentences, offset);
    if (inner !== undefined && Math.abs(inner - offset) <= CUT_DISTANCE) return inner;
    for (const edges of [sentences, formulas]) {
      const edge = outwards < 0 ? atOrBefore(edges, offset) : atOrBehind(edges, offset);
      if (edge !== undefined && Math.abs(edge - offset) <= SNAP_DISTANCE) return edge;
    }
    return offset;
  }

  /** The uncuttable stretch that `offset` is inside of. */
  #outOf(offset: number): Stretch | undefined {
    let low = 0;
    let high = this.#wholes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#wholes[middle]?.end ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    const whole = this.#wholes[low];
    return whole !== undefined && whole.start < offset ? whole : undefined;
  }

  #skipSpace(offset: number): number {
    let at = offset;
    while (at < this.#text.length && /\s/u.test(this.#text[at] ?? "")) at++;
    return at;
  }

  #trimSpace(offset: number): number {
    let at = offset;
    while (at > 0 && /\s/u.test(this.#text[at - 1] ?? "")) at--;
    return at;
  }

  #graphemeStart(offset: number): number {
    return this.#grapheme(offset)?.start ?? offset;
  }

  #graphemeEnd(offset: number): number {
    return this.#grapheme(offset)?.end ?? offset;
  }

  /** The grapheme that `offset` cuts. Most edges are between two plain characters, which need no closer look. */
  #grapheme(offset: number): Stretch | undefined {
    const code = this.#text.charCodeAt(offset);
    if (offset <= 0 || offset >= this.#text.length) return undefined;
    if (code < 0x300 && this.#text.charCodeAt(offset - 1) !== 0x0d) return undefined;
    const from = Math.max(0, offset - LONGEST_GRAPHEME);
    const part = this.#text.slice(from, offset + LONGEST_GRAPHEME);
    for (const { index, segment } of GRAPHEMES.segment(part)) {
      const start = from + index;
      const end = start + segment.length;
      if (start < offset && end > offset) return { start, end };
      if (start >= offset) break;
    }
    return undefined;
  }
}

const GRAPHEMES = new Intl.Segmenter("en", { granularity: "grapheme" });
const LONGEST_GRAPHEME = 64;

/** The uncuttable stretches of `text`. A formula that is too long is replaced by the stretches inside it. */
function wholesIn(text: string, shift: number, formulas: Stretch[]): Stretch[] {
  const wholes: Stretch[] = [];
  for (const match of text.matchAll(WHOLE)) {
    const [content] = match;
    const stretch = { start: match.index + shift, end: match.index + content.length + shift };
    const isFormula = content.startsWith("$") || content.startsWith("\\[") || content.startsWith("\\(");
    if (!isFormula) {
      wholes.push(stretch);
      continue;
    }
    formulas.push(stretch);
    const mark = content.startsWith("$$") || content.startsWith("\\") ? 2 : 1;
    if (content.length <= LONGEST_FORMULA) wholes.push(stretch);
    else {
      wholes.push({ start: stretch.start, end: stretch.start + mark });
      wholes.push(...wholesIn(content.slice(mark, -mark), stretch.start + mark, []));
      wholes.push({ start: stretch.end - mark, end: stretch.end });
    }
  }
  return wholes;
}

function sentenceEnds(text: string, formulas: readonly Stretch[]): number[] {
  const ends: number[] = [];
  let formula = 0;
  for (const match of text.matchAll(SENTENCE_END)) {
    const end = match.index + match[0].length;
    while ((formulas[formula]?.end ?? Infinity) < end) formula++;
    const around = formulas[formula];
    if (around !== undefined && around.start < end && end < around.end) continue;
    const before = text.slice(Math.max(0, end - 12), end);
    const endsLine = /^\s*(?:\n|$)/u.test(text.slice(end, end + 2));
    if (!endsLine && (ABBREVIATION.test(before) || LIST_NUMBER.test(before))) continue;
    ends.push(end);
  }
  return ends;
}

/** Index of the first element that is at least `offset`. */
function firstFrom(sorted: readonly number[], offset: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

const atOrBehind = (sorted: readonly number[], offset: number): number | undefined =>
  sorted[firstFrom(sorted, offset)];
const atOrBefore = (sorted: readonly number[], offset: number): number | undefined =>
  sorted[firstFrom(sorted, offset + 1) - 1];
const has = (sorted: readonly number[], offset: number): boolean => atOrBehind(sorted, offset) === offset;

/** Spans at most this many units apart become one (Paper 3.2). */
export const MERGE_DISTANCE = 10;

/** Turns places into spans, ordered and apart. Joined spans sum their `edits`. */
export function placesToSpans(
  places: readonly Place[],
  boundaries: TraceBoundaries,
  mergeDistance = MERGE_DISTANCE,
): Span[] {
  const snapped = places
    .flatMap((place) => {
      if (place.status !== "found") return [];
      const span = boundaries.snap(place);
      return span === undefined ? [] : [{ ...span, edits: place.edits }];
    })
    .sort((left, right) => left.start - right.start || left.end - right.end);
  return mergeSpans(snapped, mergeDistance);
}

function mergeSpans(sorted: readonly (Stretch & { readonly edits: number })[], distance: number): Span[] {
  const merged: Span[] = [];
  for (const span of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && span.start - last.end <= distance) {
      merged[merged.length - 1] = {
        start: last.start,
        end: Math.max(last.end, span.end),
        edits: (last.edits ?? 0) + span.edits,
      };
    } else merged.push(span);
  }
  return merged;
}
