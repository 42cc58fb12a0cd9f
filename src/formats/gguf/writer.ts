/** Writes GGUF files, version 3, with F32 tensors. The embedded trainer exports them and llama.cpp loads them. */
import { writeFileAtomic } from "../../core/files.ts";
import { DataError } from "../../core/errors.ts";
import {
  GGML_F32,
  GGUF_TYPE_IDS,
  NUMBER_BYTES,
  type GgufNumberType,
  type GgufScalarType,
  type GgufValue,
} from "./types.ts";

export interface GgufTensor {
  readonly name: string;
  /** Lengths, innermost first: a row-major `[rows, columns]` matrix has dimensions `[columns, rows]`. */
  readonly dimensions: readonly number[];
  /** Values in row-major order, as many as the product of `dimensions`. */
  readonly data: Float32Array;
}

export interface GgufContent {
  /** Keys and values, written in insertion order. */
  readonly metadata: Readonly<Record<string, GgufValue>> | ReadonlyMap<string, GgufValue>;
  readonly tensors: readonly GgufTensor[];
}

const ALIGNMENT_BYTES = 32;
const LONGEST_TENSOR_NAME_BYTES = 63;
const encoder = new TextEncoder();

/** The bytes of the file. @throws DataError if a name, a value or a size cannot be written. */
export function encodeGguf(content: GgufContent): Uint8Array {
  const metadata = content.metadata instanceof Map ? [...content.metadata] : Object.entries(content.metadata);
  const header = new ByteWriter();
  header.bytes(encoder.encode("GGUF"));
  header.uint32(3);
  header.uint64(BigInt(content.tensors.length));
  header.uint64(BigInt(metadata.length));
  for (const [key, value] of metadata) writeEntry(header, key, value);

  const names = new Set<string>();
  let dataBytes = 0;
  const placed: { readonly tensor: GgufTensor; readonly offsetBytes: number }[] = [];
  for (const tensor of content.tensors) {
    checkTensor(tensor, names);
    header.string(tensor.name);
    header.uint32(tensor.dimensions.length);
    for (const dimension of tensor.dimensions) header.uint64(BigInt(dimension));
    header.uint32(GGML_F32);
    header.uint64(BigInt(dataBytes));
    placed.push({ tensor, offsetBytes: dataBytes });
    dataBytes = padded(dataBytes + tensor.data.byteLength);
  }

  const dataStart = padded(header.length);
  const file = new Uint8Array(dataStart + dataBytes);
  file.set(header.finish(), 0);
  const view = new DataView(file.buffer);
  for (const { tensor, offsetBytes } of placed) {
    let at = dataStart + offsetBytes;
    for (const value of tensor.data) {
      view.setFloat32(at, value, true);
      at += 4;
    }
  }
  return file;
}

/** Writes the file under another name and renames it. */
export async function writeGguf(path: string, content: GgufContent): Promise<void> {
  await writeFileAtomic(path, encodeGguf(content));
}

const padded = (bytes: number) => Math.ceil(bytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;

function checkTensor(tensor: GgufTensor, names: Set<string>): void {
  const invalid = (what: string) =>
    new DataError(`cannot write the GGUF tensor "${tensor.name}": ${what}`, { code: "data-invalid" });
  const nameBytes = encoder.encode(tensor.name).byteLength;
  if (nameBytes === 0 || nameBytes > LONGEST_TENSOR_NAME_BYTES) {
    throw invalid(`its name has ${nameBytes} bytes; 1 to ${LONGEST_TENSOR_NAME_BYTES} are allowed.`);
  }
  if (names.has(tensor.name)) throw invalid("there are two of that name.");
  names.add(tensor.name);
  const { dimensions } = tensor;
  const isShape =
    dimensions.length >= 1 &&
    dimensions.length <= 4 &&
    dimensions.every((dimension) => Number.isSafeInteger(dimension) && dimension >= 1);
  if (!isShape) throw invalid(`dimensions [${dimensions.join(", ")}] are not one to four positive integers.`);
  const elements = dimensions.reduce((product, dimension) => product * dimension, 1);
  if (elements !== tensor.data.length) {
    throw invalid(
      `dimensions [${dimensions.join(", ")}] need ${elements} values, ${tensor.data.length} given.`,
    );
  }
}

function writeEntry(writer: ByteWriter, key: string, value: GgufValue): void {
  const invalid = (what: string) =>
    new DataError(`cannot write the GGUF metadata "${key}": ${what}`, { code: "data-invalid" });
  if (key === "") throw invalid("the key is empty.");
  writer.string(key);
  writer.uint32(GGUF_TYPE_IDS[value.type]);
  if (value.type !== "array") {
    writeScalar(writer, value.type, value.value, invalid);
    return;
  }
  writer.uint32(GGUF_TYPE_IDS[value.of]);
  writer.uint64(BigInt(value.values.length));
  for (const item of value.values) writeScalar(writer, value.of, item, invalid);
}

const INTEGER_BOUNDS: Partial<Record<GgufScalarType, readonly [number, number]>> = {
  uint8: [0, 0xff],
  int8: [-0x80, 0x7f],
  uint16: [0, 0xffff],
  int16: [-0x8000, 0x7fff],
  uint32: [0, 0xffffffff],
  int32: [-0x80000000, 0x7fffffff],
};

function writeScalar(
  writer: ByteWriter,
  type: GgufScalarType,
  value: number | bigint | boolean | string,
  invalid: (what: string) => DataError,
): void {
  if (type === "string" && typeof value === "string") writer.string(value);
  else if (type === "bool" && typeof value === "boolean") writer.number("uint8", value ? 1 : 0);
  else if ((type === "uint64" || type === "int64") && typeof value === "bigint") {
    const wrapped = BigInt.asUintN(64, value);
    if ((type === "uint64" ? wrapped : BigInt.asIntN(64, wrapped)) !== value) {
      throw invalid(`${value} is not of type ${type}.`);
    }
    writer.uint64(wrapped);
  } else if (
    type !== "string" &&
    type !== "bool" &&
    type !== "uint64" &&
    type !== "int64" &&
    typeof value === "number"
  ) {
    const bounds = INTEGER_BOUNDS[type];
    if (bounds !== undefined && !(Number.isInteger(value) && value >= bounds[0] && value <= bounds[1])) {
      throw invalid(`${value} is not of type ${type}.`);
    }
    writer.number(type, value);
  } else throw invalid(`${String(value)} (${typeof value}) is not of type ${type}.`);
}

/** A growing little-endian buffer. */
class ByteWriter {
  #buffer = new Uint8Array(1 << 16);
  #view = new DataView(this.#buffer.buffer);
  length = 0;

  bytes(bytes: Uint8Array): void {
    const at = this.#claim(bytes.byteLength);
    this.#buffer.set(bytes, at);
  }

  string(text: string): void {
    const bytes = encoder.encode(text);
    this.uint64(BigInt(bytes.byteLength));
    this.bytes(bytes);
  }

  uint32(value: number): void {
    this.number("uint32", value);
  }

  uint64(value: bigint): void {
    const at = this.#claim(8);
    this.#view.setBigUint64(at, value, true);
  }

  number(type: GgufNumberType, value: number): void {
    // The place is claimed first, since growing replaces the view.
    const at = this.#claim(NUMBER_BYTES[type]);
    const view = this.#view;
    switch (type) {
      case "uint8":
        view.setUint8(at, value);
        return;
      case "int8":
        view.setInt8(at, value);
        return;
      case "uint16":
        view.setUint16(at, value, true);
        return;
      case "int16":
        view.setInt16(at, value, true);
        return;
      case "uint32":
        view.setUint32(at, value, true);
        return;
      case "int32":
        view.setInt32(at, value, true);
        return;
      case "float32":
        view.setFloat32(at, value, true);
        return;
      case "float64":
        view.setFloat64(at, value, true);
        return;
      default:
        return type satisfies never;
    }
  }

  finish(): Uint8Array {
    return this.#buffer.subarray(0, this.length);
  }

  #claim(bytes: number): number {
    const at = this.length;
    this.length += bytes;
    if (this.length > this.#buffer.byteLength) {
      const grown = new Uint8Array(Math.max(this.length, this.#buffer.byteLength * 2));
      grown.set(this.#buffer);
      this.#buffer = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }
}
