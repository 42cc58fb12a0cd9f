/** Texts that are too long for a page: cut where it can be seen, with how much was left out. */
import type { PageSegment } from "./page-data.ts";

/** More pieces than this cannot be shown. */
const MAX_SEGMENTS = 4000;
/** Of what is kept, what is kept of the beginning. */
const HEAD = 0.75;

/** The text, or its beginning with a word on the rest. */
export function cutText(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${text.slice(0, most)} … (${(text.length - most).toLocaleString("en-US")} more characters)`;
}

/** At most `most` code units in at most 4,000 segments: the beginning and the end, and behind the beginning how much is missing. */
export function cutSegments(segments: readonly PageSegment[], most: number): PageSegment[] {
  const all = segments.reduce((sum, { text }) => sum + text.length, 0);
  if (all <= most && segments.length <= MAX_SEGMENTS) return [...segments];
  const head = take(segments, Math.floor(most * HEAD), MAX_SEGMENTS * HEAD, (text, room) =>
    text.slice(0, room),
  );
  const rest = segments.slice(head.whole);
  // The segment that the head ends in may end the tail as well.
  const [first, ...later] = rest;
  const behind = first === undefined ? [] : [{ ...first, text: first.text.slice(head.partUnits) }, ...later];
  const tail = take(
    behind.toReversed(),
    most - Math.floor(most * HEAD),
    MAX_SEGMENTS * (1 - HEAD),
    (text, room) => (room === 0 ? "" : text.slice(-room)),
  );
  const kept = [...head.segments, ...tail.segments].reduce((sum, { text }) => sum + text.length, 0);
  const last = head.segments.at(-1);
  const marked = last === undefined ? [] : [...head.segments.slice(0, -1), { ...last, cut: all - kept }];
  return [...marked, ...tail.segments.toReversed()];
}

function take(
  segments: readonly PageSegment[],
  units: number,
  count: number,
  part: (text: string, room: number) => string,
): { segments: PageSegment[]; whole: number; partUnits: number } {
  const taken: PageSegment[] = [];
  let room = units;
  for (const segment of segments.slice(0, count)) {
    if (segment.text.length > room) {
      if (room > 0) taken.push({ ...segment, text: part(segment.text, room) });
      return { segments: taken, whole: taken.length - (room > 0 ? 1 : 0), partUnits: room };
    }
    taken.push(segment);
    room -= segment.text.length;
  }
  return { segments: taken, whole: taken.length, partUnits: 0 };
}
