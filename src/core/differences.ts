/** Describes the fields in which two documents differ: `problems 2, now 3`. */

const LONGEST = 48;

/** One text for each field that differs, in order. Lists and other values are compared as a whole. */
export function differences(before: unknown, now: unknown): readonly string[] {
  // The value as it is after it was written and read again: undefined fields are gone.
  return [...differ("", plain(before), plain(now))];
}

function* differ(path: string, before: unknown, now: unknown): Generator<string> {
  if (isObject(before) && isObject(now)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(now)])) {
      yield* differ(path === "" ? key : `${path}.${key}`, before[key], now[key]);
    }
    return;
  }
  const [first, second] = [shown(before), shown(now)];
  if (JSON.stringify(before) === JSON.stringify(now)) return;
  yield `${path === "" ? "all of it" : path} ${first}, now ${first === second ? "another" : second}`;
}

function shown(value: unknown): string {
  if (value === undefined) return "not set";
  const text = JSON.stringify(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text;
}

const plain = (value: unknown): unknown =>
  value === undefined ? undefined : JSON.parse(JSON.stringify(value));

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  value !== null && typeof value === "object" && !Array.isArray(value);
