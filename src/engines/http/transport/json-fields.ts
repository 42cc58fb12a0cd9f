/** Small guards for JSON from servers. They are cheap enough to run on every token. */

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function objectAt(value: unknown, key: string): JsonObject | undefined {
  const field = isObject(value) ? value[key] : undefined;
  return isObject(field) ? field : undefined;
}

/** The elements of the array in a field, none if the field holds no array. */
export function listAt(value: unknown, key: string): readonly unknown[] {
  const field = isObject(value) ? value[key] : undefined;
  return Array.isArray(field) ? field : [];
}

export function stringAt(value: unknown, key: string): string | undefined {
  const field = isObject(value) ? value[key] : undefined;
  return typeof field === "string" ? field : undefined;
}

export function numberAt(value: unknown, key: string): number | undefined {
  const field = isObject(value) ? value[key] : undefined;
  return typeof field === "number" ? field : undefined;
}

export const isNumber = (value: unknown): value is number => typeof value === "number";

/** Log-probabilities below this mean "impossible": servers write minus infinity as the lowest float or as -9999. */
const IMPOSSIBLE = -9_000;

export function logprobOf(value: unknown): number | undefined {
  if (typeof value !== "number" || Number.isNaN(value)) return undefined;
  return value < IMPOSSIBLE ? -Infinity : Math.min(value, 0);
}
