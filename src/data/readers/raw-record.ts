/** A row as its file has it, before it is interpreted. */
import { DataError } from "../../core/errors.ts";

export interface RawRecord {
  /** File and line, or file and row, both counted from 1. */
  readonly place: string;
  /** Bytes of the file up to the end of this record. */
  readonly doneBytes: number;
  /** The value, or the reason why it could not be read. */
  readonly content: { readonly value: unknown } | { readonly fault: string };
}

/**
 * Makes a parquet row look like the same row in JSON Lines: missing values are removed, 64-bit integers become numbers, typed
 * arrays become arrays.
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
