/**
 * Writes GGUF files, version 3. The embedded trainer exports F32 tensors. Tensors of any type are written one at a time, so that a model of
 * several gigabytes needs the memory of its largest tensor only.
 */
import { writeFileAtomic } from "../../core/files.ts";
import { DataError } from "../../core/errors.ts";
import {
  GGUF_TYPE_IDS,
  NUMBER_BYTES,
  TENSOR_ENCODINGS,
  type GgufNumberType,
  type GgufScalarType,
  type GgufValue,
} from "./types.ts";

interface TensorShape {
  readonly name: string;
  /** Lengths, innermost first: a row-major `[rows, columns]` matrix has dimensions `[columns, rows]`. */
  readonly dimensions: readonly number[];
}

export interface GgufTensor extends TensorShape {
  /** Values in row-major order, as many as the product of `dimensions`. */
  readonly data: Float32Array;
}

/** A tensor whose bytes are made when its turn to be written comes. */
export interface GgufTensorSource extends TensorShape {
  /** A name of `TENSOR_ENCODINGS`. */
  readonly encoding: string;
  /** Its bytes in that encoding. */
  readonly bytes: () => Uint8Array;
}

export interface GgufContent<Tensor = GgufTensor> {
  /** Keys and values, written in insertion order. */
  readonly metadata: Readonly<Record<string, GgufValue>> | ReadonlyMap<string, GgufValue>;
  readonly tensors: readonly Tensor[];
}

const ALIGNMENT_BYTES = 32;
const LONGEST_TENSOR_NAME_BYTES = 63;
const encoder = new TextEncoder();

/** The bytes of a file of F32 tensors. @throws DataError when a name, a value or a size cannot be written. */
export function encodeGguf(content: GgufContent): Uint8Array {
  return Buffer.concat([...fileParts(asSources(content))]);
}

/** Writes a file of F32 tensors aside and renames it. */
export async function writeGguf(path: string, content: GgufContent): Promise<void> {
  await writeGgufSources(path, asSources(content));
}

/** Writes a file of tensors of any type aside, one tensor at a time, and renames it. @throws DataError as {@link encodeGguf} does. */
export async function writeGgufSources(path: string, content: GgufContent<GgufTensorSource>): Promise<void> {
  await writeFileAtomic(path, fileParts(content));
}

function asSources({ metadata, tensors }: GgufContent): GgufContent<GgufTensorSource> {
  return {
    metadata,
    tensors: tensors.map(({ name, dimensions, data }) => ({
      name,
      dimensions,
      encoding: "F32",
      bytes: () => {
        const bytes = new DataView(new ArrayBuffer(data.byteLength));
        for (const [index, value] of data.entries()) bytes.setFloat32(4 * index, value, true);
        return new Uint8Array(bytes.buffer);
      },
    })),
  };
}

/** The header, then each tensor with the padding after it. */
function* fileParts(content: GgufContent<GgufTensorSource>): Generator<Uint8Array> {
  const metadata = content.metadata instanceof Map ? [...content.metadata] : Object.entries(content.metadata);
  const header = new ByteWriter();
  header.bytes(encoder.encode("GGUF"));
  header.uint32(3);
  header.uint64(BigInt(content.tensors.length));
  header.uint64(BigInt(metadata.length));
  for (const [key, value] of metadata) writeEntry(header, key, value);

  const names = new Set<string>();
  const sizes: number[] = [];
  let dataBytes = 0;
  for (const tensor of content.tensors) {
    const { typeId, sizeBytes } = placedTensor(tensor, names);
    header.string(tensor.name);
    header.uint32(tensor.dimensions.length);
    for (const dimension of tensor.dimensions) header.uint64(BigInt(dimension));
    header.uint32(typeId);
    header.uint64(BigInt(dataBytes));
    sizes.push(sizeBytes);
    dataBytes += sizeBytes + paddingAfter(sizeBytes);
  }
  header.bytes(new Uint8Array(paddingAfter(header.length)));
  yield header.finish();

  for (const [index, tensor] of content.tensors.entries()) {
    const bytes = tensor.bytes();
    const sizeBytes = sizes[index] ?? 0;
    if (bytes.byteLength !== sizeBytes) {
      throw invalidTensor(tensor, `its shape needs ${sizeBytes} bytes, ${bytes.byteLength} given.`);
    }
    yield bytes;
    yield new Uint8Array(paddingAfter(sizeBytes));
  }
}

const paddingAfter = (bytes: number) => (ALIGNMENT_BYTES - (bytes % ALIGNMENT_BYTES)) % ALIGNMENT_BYTES;

const invalidTensor = ({ name }: TensorShape, what: string) =>
  new DataError(`cannot write the GGUF tensor "${name}": ${what}`, { code: "data-invalid" });

/** The id of the tensor's type in the file, and the size of the tensor. Adds its name to `names`. */
function placedTensor(
  tensor: GgufTensorSource,
  names: Set<string>,
): { readonly typeId: number; readonly sizeBytes: number } {
  const invalid = (what: string) => invalidTensor(tensor, what);
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
  const [typeId, encoding] = [...TENSOR_ENCODINGS].find(([, { name }]) => name === tensor.encoding) ?? [];
  if (typeId === undefined || encoding === undefined) throw invalid(`there is no type ${tensor.encoding}.`);
  const [row = 0] = dimensions;
  if (row % encoding.blockElements !== 0) {
    throw invalid(
      `rows of ${row} values are not whole blocks of ${encoding.name} (${encoding.blockElements}); F16 and F32 take rows of any length.`,
    );
  }
  const elements = dimensions.reduce((product, dimension) => product * dimension, 1);
  return { typeId, sizeBytes: (elements / encoding.blockElements) * encoding.blockBytes };
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
