/** Precision and recall of span edges, over quotations with a known place. */
import { createRng } from "../../src/core/rng.ts";
import { type Stretch, TraceBoundaries } from "../../src/data/annotate/llm/boundaries.ts";
import {
  LOCATE_DEFAULTS,
  type LocateOptions,
  locateSnippets,
  TraceText,
} from "../../src/data/annotate/llm/locate.ts";
import { quote, type Quotation, type Truth } from "../../test/data/annotate/corruptions.ts";
import { type VoicedTrace, voicedTraces } from "../../test/data/annotate/re-voiced.ts";
import { locateAsReference } from "./reference-matching.ts";

export interface Sample {
  readonly trace: VoicedTrace;
  /** The chain of thought. */
  readonly text: string;
  readonly quotation: Quotation;
}

export function samples(count: number, traceCount: number, seed: number): Sample[] {
  const rng = createRng(seed);
  const traces = voicedTraces(traceCount, rng.fork("traces"));
  return Array.from({ length: count }, (_, index) => {
    const trace = traces[index % traces.length] as VoicedTrace;
    const quotation = quote(traces, index % traces.length, rng.fork(`quotation ${index}`));
    return { trace, text: trace.row.trace.slice(0, trace.row.trace.indexOf("</think>")), quotation };
  });
}

/** Ours as `data annotate` places a span: located, then drawn to sentence or formula edges. */
export class OurMatcher {
  readonly #prepared = new Map<string, { readonly text: TraceText; readonly boundaries: TraceBoundaries }>();
  readonly #options: LocateOptions;

  constructor(options: LocateOptions = LOCATE_DEFAULTS) {
    this.#options = options;
  }

  locate({ text, quotation }: Sample): Stretch | undefined {
    let prepared = this.#prepared.get(text);
    if (prepared === undefined) {
      prepared = { text: new TraceText(text), boundaries: new TraceBoundaries(text) };
      this.#prepared.set(text, prepared);
    }
    const [place] = locateSnippets(prepared.text, [quotation.snippet], this.#options);
    return place?.status === "found" ? prepared.boundaries.snap(place) : undefined;
  }
}

export const locateReference = ({ text, quotation }: Sample): Stretch | undefined =>
  locateAsReference(quotation.snippet, text, true);

export interface EdgeCounts {
  readonly quotations: number;
  /** Right edges / edges of what is in the trace. */
  readonly recall: number;
  /** Right edges / edges given. */
  readonly precision: number;
  /** Quotations of nothing in the trace that were given a place. */
  readonly invented: number;
  readonly absent: number;
}

/** @param tolerance Units of text, white space not counted, by which an edge may be off. */
export function countEdges(
  all: readonly Sample[],
  located: readonly (Stretch | undefined)[],
  tolerance: number,
): EdgeCounts {
  let [wanted, given, right, invented, absent] = [0, 0, 0, 0, 0];
  all.forEach(({ text, quotation }, index) => {
    const span = located[index];
    if (span !== undefined) given += 2;
    if (quotation.truth === undefined) {
      absent++;
      if (span !== undefined) invented++;
      return;
    }
    wanted += 2;
    if (span !== undefined) right += rightEdges(text, span, quotation.truth, tolerance);
  });
  return { quotations: all.length, recall: right / wanted, precision: right / given, invented, absent };
}

function rightEdges(text: string, span: Stretch, truth: Truth, tolerance: number): number {
  const passage = text.slice(truth.start, truth.end);
  // The same passage may stand there more than once.
  let most = 0;
  for (let start = text.indexOf(passage); start >= 0; start = text.indexOf(passage, start + 1)) {
    const shift = start - truth.start;
    const starts = [truth.start, truth.quoted.start].map((edge) => edge + shift);
    const ends = [truth.end, truth.quoted.end].map((edge) => edge + shift);
    const isNear = (edge: number) => (one: number) => distance(text, one, edge) <= tolerance;
    most = Math.max(most, Number(starts.some(isNear(span.start))) + Number(ends.some(isNear(span.end))));
  }
  return most;
}

const distance = (text: string, left: number, right: number): number =>
  text.slice(Math.min(left, right), Math.max(left, right)).replaceAll(/\s/gu, "").length;
