/** Figures for people: on the terminal, in Markdown and on pages. */

/** `97.7%`. */
export const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;

/** `+50.1`, in percentage points. */
export const points = (difference: number): string =>
  `${difference < 0 ? "-" : "+"}${Math.abs(100 * difference).toFixed(1)}`;

/** `12,345`. */
export const count = (value: number): string => Math.round(value).toLocaleString("en-US");

/** `850 ms`, `4.2 s`, `3 min 20 s`, `2 h 05 min`. */
export function duration(milliseconds: number): string {
  if (milliseconds < 10) return `${milliseconds.toFixed(1)} ms`;
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** `p < 0.001` or `p = 0.04`. */
export function pValueText(pValue: number): string {
  return pValue < 0.001 ? "p < 0.001" : `p = ${pValue.toPrecision(2)}`;
}

/** `4.54%`: two decimals for small shares, but `0%` and `100%`. */
export const finePercent = (share: number): string =>
  share === 0 || share === 1 ? `${100 * share}%` : `${(100 * share).toFixed(2)}%`;

/** `$0.00123`: three significant digits. */
export const dollars = (value: number): string =>
  value === 0
    ? "$0"
    : value >= 1
      ? `$${value.toFixed(2)}`
      : `$${value.toFixed(Math.max(0, 2 - Math.floor(Math.log10(value)))).replace(/\.?0+$/u, "")}`;

const PREFIXES = ["", "k", "M", "G", "T", "P", "E"] as const;

/** `12.3 G`: floating-point operations. */
export function operations(value: number): string {
  const power = Math.max(0, Math.min(PREFIXES.length - 1, Math.floor(Math.log10(Math.max(1, value)) / 3)));
  if (value === 0) return "0";
  return `${(value / 1000 ** power).toPrecision(3)} ${PREFIXES[power] ?? ""}`.trim();
}

/** `850 bytes`, `12 kB`, `3.4 MB`. */
export const fileSize = (bytes: number): string =>
  bytes < 1e4
    ? `${count(bytes)} bytes`
    : bytes < 1e6
      ? `${Math.ceil(bytes / 1000)} kB`
      : bytes < 1e9
        ? `${(bytes / 1e6).toFixed(1)} MB`
        : `${(bytes / 1e9).toFixed(1)} GB`;
