/** Quantised blocks from float32 values, to the same bytes as llama.cpp's reference in `ggml-quants.c`. Pure. */
import { DataError } from "../../../core/errors.ts";
import { floatToHalf } from "../../half.ts";

const BLOCK = 32;

interface Quantizer {
  readonly blockElements: number;
  readonly blockBytes: number;
  /** Writes one block's bytes; `values` are that block's. */
  readonly write: (values: Float32Array, block: DataView) => void;
}

/** The scale is the value of largest magnitude over -8, so that this value itself is exact. */
function writeQ4_0(values: Float32Array, block: DataView): void {
  let extreme = 0;
  for (const value of values) if (Math.abs(value) > Math.abs(extreme)) extreme = value;
  const scale = Math.fround(extreme / -8);
  const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
  const level = (index: number): number =>
    Math.min(15, Math.trunc(Math.fround(Math.fround((values[index] ?? 0) * inverse) + 8.5)));
  block.setUint16(0, floatToHalf(scale), true);
  for (let index = 0; index < BLOCK / 2; index++) {
    block.setUint8(2 + index, level(index) | (level(index + BLOCK / 2) << 4));
  }
}

function writeQ8_0(values: Float32Array, block: DataView): void {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  const scale = Math.fround(largest / 127);
  const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
  block.setUint16(0, floatToHalf(scale), true);
  for (const [index, value] of values.entries()) {
    block.setInt8(2 + index, roundAwayFromZero(Math.fround(value * inverse)));
  }
}

const roundAwayFromZero = (value: number): number => Math.sign(value) * Math.round(Math.abs(value));

const QUANTIZERS = {
  F32: {
    blockElements: 1,
    blockBytes: 4,
    write: ([value = 0], block) => block.setFloat32(0, value, true),
  },
  F16: {
    blockElements: 1,
    blockBytes: 2,
    write: ([value = 0], block) => block.setUint16(0, floatToHalf(value), true),
  },
  Q4_0: { blockElements: BLOCK, blockBytes: 18, write: writeQ4_0 },
  Q8_0: { blockElements: BLOCK, blockBytes: 34, write: writeQ8_0 },
} as const satisfies Readonly<Record<string, Quantizer>>;

export type WritableEncoding = keyof typeof QUANTIZERS;
/** Encodings that can be written, by their name in `TENSOR_ENCODINGS`. */
export const WRITABLE_ENCODINGS = Object.keys(QUANTIZERS) as readonly WritableEncoding[];

/**
 * The bytes of a tensor's values.
 * @param values row-major; whole blocks of the encoding.
 * @throws DataError where the values are no whole blocks.
 */
export function quantize(encoding: WritableEncoding, values: Float32Array): Uint8Array {
  const { blockElements, blockBytes, write } = QUANTIZERS[encoding];
  const count = values.length / blockElements;
  if (!Number.isInteger(count)) {
    throw new DataError(
      `${values.length} values are no whole blocks of ${encoding}, which have ${blockElements} values each.`,
      { code: "data-invalid" },
    );
  }
  const bytes = new Uint8Array(count * blockBytes);
  for (let index = 0; index < count; index++) {
    write(
      values.subarray(index * blockElements, (index + 1) * blockElements),
      new DataView(bytes.buffer, index * blockBytes, blockBytes),
    );
  }
  return bytes;
}
