/** Hold-back: how much of a text's end may still grow into one of some markers. Shared by the tag parser and by stop texts. */

/**
 * Length (UTF-16 code units) of the longest end of `text` that is a proper beginning of a marker; 0 when nothing can
 * become one. Text before that end can be released whatever follows.
 */
export function partialMarkerLength(text: string, markers: readonly string[]): number {
  let longest = 0;
  for (const marker of markers) {
    const most = Math.min(marker.length - 1, text.length);
    for (let length = most; length > longest; length--) {
      if (marker.startsWith(text.slice(text.length - length))) {
        longest = length;
        break;
      }
    }
  }
  return longest;
}

export interface MarkerHit {
  readonly marker: string;
  /** Offset of its first code unit. */
  readonly start: number;
}

/** The first marker in `text` at or after `from`: the leftmost, and of two at one place the longer. */
export function findMarker(text: string, markers: readonly string[], from = 0): MarkerHit | undefined {
  let first: MarkerHit | undefined;
  for (const marker of markers) {
    const start = text.indexOf(marker, from);
    if (start < 0) continue;
    if (
      first === undefined ||
      start < first.start ||
      (start === first.start && marker.length > first.marker.length)
    ) {
      first = { marker, start };
    }
  }
  return first;
}
