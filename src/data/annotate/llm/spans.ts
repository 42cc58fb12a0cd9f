/** From the places of snippets to the spans of a row: each drawn to the edges of sentences or formulas, near ones joined. */
import type { Span } from "../../../formats/trace-row.ts";
import type { Stretch, TraceBoundaries } from "./boundaries.ts";
import type { Place } from "./locate.ts";

/** Spans at most this many units apart become one (Paper 3.2). */
export const MERGE_DISTANCE = 10;

/** In order and apart; `edits` of spans that were joined are summed. */
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
