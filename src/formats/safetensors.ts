/**
 * The safetensors format (huggingface/safetensors, "Format"). A file has the length of the header as a little-endian uint64, a JSON header
 * with each tensor's type, shape and place, and the tensors without gaps. F32 is written; F32, BF16 and F16 are read.
 */
import { z } from "zod";

import { DataError, errorMessage } from "../core/errors.ts";
import { firstFault } from "../core/schema-faults.ts";
import { halfToFloat } from "./half.ts";

/** A tensor in row-major order. */
interface NamedTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface Safetensors {
  readonly tensors: ReadonlyMap<string, NamedTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Largest header, as in the reference implementation. */
export const MAX_HEADER_BYTES = 100_000_000;
const ALIGNMENT_BYTES = 8;
const METADATA = "__metadata__";
export const DTYPE_BYTES = { F32: 4, BF16: 2, F16: 2 } as const;

const count = z.int().nonnegative();
export const entrySchema = z.object({
  dtype: z.enum(["F32", "BF16", "F16"]),
  shape: z.array(count).max(8),
  data_offsets: z.tuple([count, count]),
});
export const headerSchema = z.record(z.string(), z.unknown());
const metadataSchema = z.record(z.string(), z.string()).default({});

/** The bytes of a file. Tensors and metadata keep their order, so the same content gives the same bytes. */
export function encodeSafetensors({ tensors, metadata }: Safetensors): Uint8Array {
  const header = new Map<string, unknown>([[METADATA, metadata]]);
  let dataBytes = 0;
  for (const [name, { shape, data }] of tensors) {
    if (name === METADATA || elementCount(shape) !== data.length) {
      throw new DataError(
        `cannot write the tensor "${name}": shape [${shape.join(", ")}], ${data.length} values given.`,
        { code: "data-invalid" },
      );
    }
    header.set(name, { dtype: "F32", shape, data_offsets: [dataBytes, dataBytes + data.byteLength] });
    dataBytes += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const headerBytes = Math.ceil(json.length / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
  const file = new Uint8Array(8 + headerBytes + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.set(json, 8);
  file.fill(0x20, 8 + json.length, 8 + headerBytes);
  let at = 8 + headerBytes;
  for (const { data } of tensors.values()) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return file;
}

/**
 * Decodes a whole file, which may come from anyone. Nothing outside the file is read, and no more is allocated than it holds.
 * @param name The file's name in messages.
 * @throws DataError if it is not a whole safetensors file, or has a tensor of another type.
 */
export function decodeSafetensors(file: Uint8Array, name: string): Safetensors {
  const invalid = (what: string, cause?: unknown) =>
    new DataError(`${name} is not a safetensors file that can be read: ${what}.`, {
      code: "file-invalid",
      cause,
    });
  if (file.length < 8) throw invalid(`it has ${file.length} bytes`);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const headerBytes = view.getBigUint64(0, true);
  if (headerBytes > BigInt(Math.min(MAX_HEADER_BYTES, file.length - 8))) {
    throw invalid(`its header would have ${headerBytes} bytes, the file has ${file.length}`);
  }
  const dataStart = 8 + Number(headerBytes);
  let header: z.output<typeof headerSchema>;
  let metadata: z.output<typeof metadataSchema>;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(file.subarray(8, dataStart));
    header = headerSchema.parse(JSON.parse(text));
    metadata = metadataSchema.parse(header[METADATA]);
  } catch (error) {
    throw invalid(`its header is not what the format asks for (${errorMessage(error)})`, error);
  }
  const tensors = new Map<string, NamedTensor>();
  const ranges: [start: number, end: number][] = [];
  for (const [tensorName, value] of Object.entries(header)) {
    if (tensorName === METADATA) continue;
    const entry = entrySchema.safeParse(value);
    if (!entry.success) {
      throw invalid(
        `tensor "${tensorName}": ${firstFault(entry.error, entrySchema, value)} (F32, BF16 and F16 are read)`,
      );
    }
    const { dtype, shape, data_offsets: range } = entry.data;
    const [start, end] = range;
    if (end > file.length - dataStart || end - start !== elementCount(shape) * DTYPE_BYTES[dtype]) {
      throw invalid(
        `tensor "${tensorName}" of shape [${shape.join(", ")}] does not fit its place ${start}-${end}`,
      );
    }
    ranges.push(range);
    tensors.set(tensorName, {
      shape,
      data: toFloats(dtype, file.subarray(dataStart + start, dataStart + end)),
    });
  }
  let filled = 0;
  for (const [start, end] of ranges.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    if (start !== filled) throw invalid(`its tensors overlap or leave a gap at byte ${filled}`);
    filled = end;
  }
  if (filled !== file.length - dataStart)
    throw invalid(`its tensors end at ${filled} of ${file.length - dataStart}`);
  return { tensors, metadata };
}

function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** Converts to floats. The result is a copy, since the bytes in the file need not be aligned. */
export function toFloats(dtype: keyof typeof DTYPE_BYTES, bytes: Uint8Array): Float32Array {
  const copy = Uint8Array.from(bytes);
  if (dtype === "F32") return new Float32Array(copy.buffer);
  const halves = new Uint16Array(copy.buffer);
  if (dtype === "F16") return Float32Array.from(halves, halfToFloat);
  // BF16 is the upper half of an F32.
  return new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer);
}

/** Converts an IEEE 754 binary16: 1 sign, 5 exponent and 10 fraction bits. */
