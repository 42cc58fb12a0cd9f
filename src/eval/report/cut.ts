/** Cuts texts that are too long for a page. The place of the cut says how much was left out. */
import type { PageSegment } from "./page-data.ts";

/** A page cannot show more segments. */
const MAX_SEGMENTS = 4000;
/** The part of the kept text that comes from the beginning. */
const HEAD = 0.75;

/** Returns the text, or its beginning and how much is missing. */
export function cutText(text: string, limit: number): string {
  if (text.length <= limit) return text;
  return `${text.slice(0, limit)} … (${(text.length - limit).toLocaleString("en-US")} more characters)`;
}

/** Keeps at most `limit` code units in at most 4,000 segments: the beginning, how much is missing after it, and the end. */
export function cutSegments(segments: readonly PageSegment[], limit: number): PageSegment[] {
  const all = segments.reduce((sum, { text }) => sum + text.length, 0);
  if (all <= limit && segments.length <= MAX_SEGMENTS) return [...segments];
  const head = take(segments, Math.floor(limit * HEAD), MAX_SEGMENTS * HEAD, (text, room) =>
    text.slice(0, room),
  );
  const rest = segments.slice(head.whole);
  // The segment that the head ends in may end the tail as well.
  const [first, ...later] = rest;
  const after = first === undefined ? [] : [{ ...first, text: first.text.slice(head.partUnits) }, ...later];
  const tail = take(
    after.toReversed(),
    limit - Math.floor(limit * HEAD),
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
