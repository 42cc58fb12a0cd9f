/** Places names beside dots so that none covers another. Pure. */

export interface Dot {
  readonly x: number;
  readonly y: number;
  readonly name: string;
  readonly strong: boolean;
}

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export interface Label {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly anchor: "start" | "middle" | "end";
  readonly strong: boolean;
  /** Place of the dot, if the name is not right beside it. */
  readonly leader?: { readonly x: number; readonly y: number };
}

/** Dots nearer than this share one place and one label. */
const SAME_PLACE = 7;
const MAX_NAMES = 3;
const MAX_UNITS = 28;
const LINE = 15;
/** Width of a character, relative to the size of the letters. */
const CHARACTER = 0.56;

/**
 * Labels in order of importance, and the names for which there was no room. A label covers no other label and no dot; whiskers (boxes of their own) are
 * avoided where that is possible.
 */
export function placeLabels(
  dots: readonly Dot[],
  whiskers: readonly Box[],
  bounds: Box,
  fontSize: number,
): { readonly labels: readonly Label[]; readonly unplaced: readonly string[] } {
  const labels: Label[] = [];
  const unplaced: string[] = [];
  const taken: Box[] = dots.map(({ x, y }) => ({ left: x - 6, right: x + 6, top: y - 6, bottom: y + 6 }));
  const places = gathered(dots).toSorted((left, right) => Number(right.strong) - Number(left.strong));
  for (const place of places) {
    const width = place.text.length * fontSize * CHARACTER;
    const candidates = around(place, width, fontSize);
    const free = candidates.filter(
      ({ box }) => within(box, bounds) && !taken.some((other) => overlaps(box, other)),
    );
    const best = free.find(({ box }) => !whiskers.some((other) => overlaps(box, other))) ?? free[0];
    if (best === undefined) {
      unplaced.push(...place.names);
      continue;
    }
    taken.push(best.box);
    labels.push({ ...best.label, text: place.text, strong: place.strong });
  }
  return { labels, unplaced };
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly names: readonly string[];
  readonly strong: boolean;
}

function gathered(dots: readonly Dot[]): Place[] {
  const groups: Dot[][] = [];
  for (const dot of dots) {
    const group = groups.find(([first]) => first !== undefined && near(first, dot));
    if (group === undefined) groups.push([dot]);
    else group.push(dot);
  }
  return groups.flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    // The same arm of several runs may have the same place.
    const names = [...new Set(group.map(({ name }) => name))];
    const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : "";
    const text = names.slice(0, MAX_NAMES).map(shortened).join(", ") + more;
    return { x: first.x, y: first.y, text, names, strong: group.some(({ strong }) => strong) };
  });
}

const near = (left: Dot, right: Dot): boolean => Math.hypot(left.x - right.x, left.y - right.y) < SAME_PLACE;

/** Cuts the beginning of a name, since its end says more: RUN/ARM. */
const shortened = (name: string): string =>
  name.length <= MAX_UNITS ? name : `…${name.slice(-(MAX_UNITS - 1))}`;

interface Candidate {
  readonly box: Box;
  readonly label: Omit<Label, "text" | "strong">;
}

/** Candidates: beside, above and below; then further and further away, with a line to the dot. */
function around({ x, y }: Place, width: number, fontSize: number): Candidate[] {
  const candidates: Candidate[] = [];
  const add = (labelX: number, baseline: number, anchor: Label["anchor"], leader: boolean): void => {
    const left = anchor === "start" ? labelX : anchor === "end" ? labelX - width : labelX - width / 2;
    const box = { left, right: left + width, top: baseline - fontSize, bottom: baseline + 3 };
    const line = leader ? { leader: { x, y } } : {};
    candidates.push({ box, label: { x: labelX, y: baseline, anchor, ...line } });
  };
  const half = fontSize * 0.35;
  add(x + 10, y + half, "start", false);
  add(x - 10, y + half, "end", false);
  for (const up of [-1, 1]) {
    const baseline = up < 0 ? y - 10 : y + 10 + fontSize * 0.8;
    add(x + 8, baseline, "start", false);
    add(x - 8, baseline, "end", false);
    add(x, baseline, "middle", false);
  }
  for (let away = 2; away <= 8; away++) {
    for (const up of [-1, 1]) {
      const baseline = y + up * away * LINE + half;
      add(x + 14, baseline, "start", true);
      add(x - 14, baseline, "end", true);
    }
  }
  return candidates;
}

const within = (box: Box, bounds: Box): boolean =>
  box.left >= bounds.left &&
  box.right <= bounds.right &&
  box.top >= bounds.top &&
  box.bottom <= bounds.bottom;

const overlaps = (one: Box, other: Box): boolean =>
  one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
