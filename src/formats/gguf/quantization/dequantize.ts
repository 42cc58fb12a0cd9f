/**
 * The values of quantised tensors, block by block, as llama.cpp's `ggml-quants.c` defines them: float32 arithmetic in its order, so that the
 * result is the same to the bit. Pure.
 */
import { DataError } from "../../../core/errors.ts";
import { halfToFloat } from "../../half.ts";

/** Writes one block's values from `at` on. `block` is that block's bytes. */
type BlockReader = (block: DataView, values: Float32Array, at: number) => void;

interface Dequantizer {
  readonly blockElements: number;
  readonly blockBytes: number;
  readonly read: BlockReader;
}

const half = (block: DataView, at: number): number => halfToFloat(block.getUint16(at, true));

/** 16 bytes of two 4-bit values each: the low halves are the first 16 values, the high halves the last 16. */
const nibble = (block: DataView, start: number, index: number): number =>
  index < 16 ? block.getUint8(start + index) & 0x0f : block.getUint8(start + index - 16) >> 4;

const readQ4_0: BlockReader = (block, values, at) => {
  const scale = half(block, 0);
  for (let index = 0; index < 32; index++) values[at + index] = scale * (nibble(block, 2, index) - 8);
};

const readQ4_1: BlockReader = (block, values, at) => {
  const scale = half(block, 0);
  const least = half(block, 2);
  for (let index = 0; index < 32; index++) {
    values[at + index] = Math.fround(scale * nibble(block, 4, index)) + least;
  }
};

const readQ5_0: BlockReader = (block, values, at) => {
  const scale = half(block, 0);
  const fifthBits = block.getUint32(2, true);
  for (let index = 0; index < 32; index++) {
    const level = nibble(block, 6, index) | (((fifthBits >>> index) & 1) << 4);
    values[at + index] = scale * (level - 16);
  }
};

const readQ5_1: BlockReader = (block, values, at) => {
  const scale = half(block, 0);
  const least = half(block, 2);
  const fifthBits = block.getUint32(4, true);
  for (let index = 0; index < 32; index++) {
    const level = nibble(block, 8, index) | (((fifthBits >>> index) & 1) << 4);
    values[at + index] = Math.fround(scale * level) + least;
  }
};

const readQ8_0: BlockReader = (block, values, at) => {
  const scale = half(block, 0);
  for (let index = 0; index < 32; index++) values[at + index] = scale * block.getInt8(2 + index);
};

/** Scale and minimum of one of the eight groups of 32 in a K block: six bits each, packed into twelve bytes from `start` on. */
function groupScale(block: DataView, start: number, group: number): readonly [scale: number, least: number] {
  const byte = (index: number): number => block.getUint8(start + index);
  if (group < 4) return [byte(group) & 0x3f, byte(group + 4) & 0x3f];
  const low = byte(group + 4);
  return [(low & 0x0f) | ((byte(group - 4) >> 6) << 4), (low >> 4) | ((byte(group) >> 6) << 4)];
}

/** Groups of 32 that share bytes in pairs: the even one in the low halves, the odd one in the high halves. */
const pairedNibble = (block: DataView, start: number, group: number, index: number): number => {
  const byte = block.getUint8(start + (group >> 1) * 32 + index);
  return group % 2 === 0 ? byte & 0x0f : byte >> 4;
};

const readQ4_K: BlockReader = (block, values, at) => {
  for (let group = 0; group < 8; group++) {
    const [scale, least] = groupScale(block, 4, group);
    const step = Math.fround(half(block, 0) * scale);
    const offset = Math.fround(half(block, 2) * least);
    for (let index = 0; index < 32; index++) {
      const level = pairedNibble(block, 16, group, index);
      values[at + group * 32 + index] = Math.fround(step * level) - offset;
    }
  }
};

const readQ5_K: BlockReader = (block, values, at) => {
  for (let group = 0; group < 8; group++) {
    const [scale, least] = groupScale(block, 4, group);
    const step = Math.fround(half(block, 0) * scale);
    const offset = Math.fround(half(block, 2) * least);
    for (let index = 0; index < 32; index++) {
      const fifth = (block.getUint8(16 + index) >> group) & 1;
      const level = pairedNibble(block, 48, group, index) | (fifth << 4);
      values[at + group * 32 + index] = Math.fround(step * level) - offset;
    }
  }
};

/** 128 bytes of low halves, 64 of two upper bits, 16 signed scales of 16 values each, and the scale of all. */
const readQ6_K: BlockReader = (block, values, at) => {
  const scale = half(block, 208);
  for (let index = 0; index < 256; index++) {
    const part = index >> 7;
    const group = (index >> 5) & 3;
    const place = index & 31;
    const lowByte = block.getUint8(part * 64 + (group % 2) * 32 + place);
    const low = group < 2 ? lowByte & 0x0f : lowByte >> 4;
    const high = (block.getUint8(128 + part * 32 + place) >> (2 * group)) & 3;
    const step = Math.fround(scale * block.getInt8(192 + (index >> 4)));
    values[at + index] = step * ((low | (high << 4)) - 32);
  }
};

const single = (blockBytes: number, read: (block: DataView) => number): Dequantizer => ({
  blockElements: 1,
  blockBytes,
  read: (block, values, at) => {
    values[at] = read(block);
  },
});
const blocks = (blockElements: number, blockBytes: number, read: BlockReader): Dequantizer => ({
  blockElements,
  blockBytes,
  read,
});

/** By the encoding's name in `TENSOR_ENCODINGS`. */
const DEQUANTIZERS: Readonly<Record<string, Dequantizer>> = {
  F32: single(4, (block) => block.getFloat32(0, true)),
  F16: single(2, (block) => half(block, 0)),
  BF16: single(2, (block) => bfloat16(block.getUint16(0, true))),
  Q4_0: blocks(32, 18, readQ4_0),
  Q4_1: blocks(32, 20, readQ4_1),
  Q5_0: blocks(32, 22, readQ5_0),
  Q5_1: blocks(32, 24, readQ5_1),
  Q8_0: blocks(32, 34, readQ8_0),
  Q4_K: blocks(256, 144, readQ4_K),
  Q5_K: blocks(256, 176, readQ5_K),
  Q6_K: blocks(256, 210, readQ6_K),
};

const scratch = new DataView(new ArrayBuffer(4));
/** BF16 is the upper half of an F32. */
function bfloat16(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}

/** Encodings whose values can be computed here. */
export const DEQUANTIZABLE: readonly string[] = Object.keys(DEQUANTIZERS);

/**
 * The values of a tensor's bytes, in the order of the file.
 * @param bytes whole blocks of this encoding.
 * @throws DataError on an encoding that is not known here, or on bytes that are not whole blocks.
 */
export function dequantize(encoding: string, bytes: Uint8Array): Float32Array {
  const dequantizer = Object.hasOwn(DEQUANTIZERS, encoding) ? DEQUANTIZERS[encoding] : undefined;
  if (dequantizer === undefined) {
    throw new DataError(
      `the tensor type ${encoding} cannot be dequantised; ${DEQUANTIZABLE.join(", ")} can.`,
      {
        code: "data-invalid",
      },
    );
  }
  const { blockElements, blockBytes, read } = dequantizer;
  const count = bytes.byteLength / blockBytes;
  if (!Number.isInteger(count)) {
    throw new DataError(
      `${bytes.byteLength} bytes are no whole blocks of ${encoding}, which have ${blockBytes} bytes each.`,
      { code: "data-invalid" },
    );
  }
  const values = new Float32Array(count * blockElements);
  for (let index = 0; index < count; index++) {
    read(
      new DataView(bytes.buffer, bytes.byteOffset + index * blockBytes, blockBytes),
      values,
      index * blockElements,
    );
  }
  return values;
}
