/** Formats figures: the functions of the whole project, and those that only pages need. */
import { count } from "../../src/core/figures.ts";

export { count, percent } from "../../src/core/figures.ts";

/** `7.5`, or a dash where there is no value. */
export const figure = (value: number | undefined, digits = 1): string =>
  value === undefined ? "–" : value.toFixed(digits);
export const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
/** `1 row`, `2 rows`. */
export const counted = (value: number, thing: string): string =>
  `${count(value)} ${thing}${value === 1 ? "" : "s"}`;
