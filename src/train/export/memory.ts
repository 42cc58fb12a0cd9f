/** Whether a model fits into memory, said before anything of it is read. */
import { DataError } from "../../core/errors.ts";

/** Bytes of a weight in memory. */
const FLOAT_BYTES = 4;

/** @throws DataError when the weights, in float32, need more memory than is free. @param source The file or folder, for the message. */
export function requireMemory(source: string, parameters: number): void {
  const needed = parameters * FLOAT_BYTES;
  const available = process.availableMemory();
  if (needed <= available) return;
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
  throw new DataError(
    `${source} cannot be trained here: its weights take ${gigabytes(needed)} in float32, and ${gigabytes(available)} of memory are free.`,
    { code: "file-invalid" },
  );
}
