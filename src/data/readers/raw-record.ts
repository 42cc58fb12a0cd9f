/** A row as its file has it, before anyone asks what it means. */
import { DataError } from "../../core/errors.ts";

export interface RawRecord {
  /** File and line, or file and row, counted from 1. */
  readonly place: string;
  /** How much of the file is behind it. */
  readonly doneBytes: number;
  /** What was read, or why it could not be. */
  readonly content: { readonly value: unknown } | { readonly fault: string };
}

/**
 * Missing values leave, 64-bit integers become numbers, typed arrays become arrays: what a parquet file says looks as the same
 * row would in JSON Lines.
 */
export function plainValue(value: unknown): unknown {
  if (value === null) return undefined;
  if (typeof value === "bigint") {
    const number = Number(value);
    if (Number.isSafeInteger(number)) return number;
    throw new DataError(`the integer ${value} is beyond what can be kept exactly.`, { code: "data-invalid" });
  }
  if (ArrayBuffer.isView(value)) return [...(value as unknown as Iterable<unknown>)].map(plainValue);
  if (Array.isArray(value)) return value.map(plainValue);
  if (typeof value === "object" && value !== undefined && !(value instanceof Date)) {
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, item]) => {
        const plain = plainValue(item);
        return plain === undefined ? [] : [[key, plain]];
      }),
    );
  }
  return value;
}
