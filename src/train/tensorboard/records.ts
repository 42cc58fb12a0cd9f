/**
 * TFRecord framing (tensorflow/core/lib/io/record_writer.h): length as uint64, its masked CRC-32C, the payload, its masked CRC-32C; all
 * little-endian.
 */
const LENGTH_BYTES = 8;
const CHECKSUM_BYTES = 4;
const HEADER_BYTES = LENGTH_BYTES + CHECKSUM_BYTES;

export interface FramedRecord {
  readonly payload: Buffer;
  /** Offset of the next record, in bytes. */
  readonly end: number;
}

export function frameRecord(payload: Uint8Array): Buffer {
  const frame = Buffer.alloc(HEADER_BYTES + payload.length + CHECKSUM_BYTES);
  frame.writeBigUInt64LE(BigInt(payload.length), 0);
  frame.writeUInt32LE(maskedCrc32c(frame.subarray(0, LENGTH_BYTES)), LENGTH_BYTES);
  frame.set(payload, HEADER_BYTES);
  frame.writeUInt32LE(maskedCrc32c(payload), HEADER_BYTES + payload.length);
  return frame;
}

/** Records up to the first incomplete one: a kill may have left a half-written record. */
export function* readRecords(bytes: Buffer): Generator<FramedRecord, void, undefined> {
  let start = 0;
  while (start + HEADER_BYTES <= bytes.length) {
    const header = bytes.subarray(start, start + LENGTH_BYTES);
    if (bytes.readUInt32LE(start + LENGTH_BYTES) !== maskedCrc32c(header)) return;
    const from = start + HEADER_BYTES;
    // Stays within the file, whatever the length field says.
    const to = from + Math.min(Number(header.readBigUInt64LE()), bytes.length);
    if (to + CHECKSUM_BYTES > bytes.length) return;
    const payload = bytes.subarray(from, to);
    if (bytes.readUInt32LE(to) !== maskedCrc32c(payload)) return;
    const end = to + CHECKSUM_BYTES;
    yield { payload, end };
    start = end;
  }
}

const REVERSED_POLYNOMIAL = 0x82f63b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) {
    remainder = remainder & 1 ? (remainder >>> 1) ^ REVERSED_POLYNOMIAL : remainder >>> 1;
  }
  return remainder;
});

/** CRC-32C (Castagnoli, RFC 3720 appendix B.4). Node's own `crc32` uses another polynomial. */
export function crc32c(bytes: Uint8Array): number {
  let remainder = 0xffffffff;
  for (const byte of bytes) remainder = (remainder >>> 8) ^ (TABLE[(remainder ^ byte) & 0xff] ?? 0);
  return ~remainder >>> 0;
}

/** The checksum as TFRecord files store it (tensorflow/core/lib/hash/crc32c.h): rotated and shifted, so that checksums of checksums stay useful. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const checksum = crc32c(bytes);
  return (((checksum >>> 15) | (checksum << 17)) + 0xa282ead8) >>> 0;
}
