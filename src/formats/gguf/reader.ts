/**
 * Reads header, metadata and tensor descriptions of a GGUF file, never the tensor data. The file is not trusted: every size,
 * count, length and offset is checked against the file's own size and against limits far above what real models have.
 */
import { FileCursor } from "./cursor.ts";
import {
  GGUF_TYPE_IDS,
  TENSOR_ENCODINGS,
  type GgufFile,
  type GgufScalarType,
  type GgufTensorInfo,
  type GgufValue,
} from "./types.ts";

/** Limits that keep a hostile header from costing memory or (llama.cpp compares all pairs of names) time. */
const MAX_METADATA_KEYS = 4096;
const MAX_TENSORS = 32768;
const MAX_ARRAY_ITEMS = 4_000_000;
const LONGEST_TENSOR_NAME_BYTES = 63;
const DEFAULT_ALIGNMENT = 32;
const LARGEST_ALIGNMENT = 1 << 16;
const ARRAY_TYPE = "array";

/** Reads a file. @throws DataError with the file, the place and the value seen. */
export function readGguf(path: string): GgufFile {
  using cursor = new FileCursor(path);
  const magic = cursor.take(Math.min(4, cursor.remainingBytes), "its first four bytes");
  if (magic.toString("latin1") !== "GGUF") {
    throw cursor.invalid(`it begins with ${describeBytes(magic)}, not with "GGUF".`);
  }
  const version = cursor.number("uint32", "the version");
  if (version !== 2 && version !== 3) {
    throw cursor.invalid(`its version is ${version}; versions 2 and 3, little endian, are supported.`);
  }
  const tensorCount = cursor.count(MAX_TENSORS, "the number of tensors");
  const metadataCount = cursor.count(MAX_METADATA_KEYS, "the number of metadata keys");
  const metadata = readMetadata(cursor, metadataCount);
  const alignment = readAlignment(cursor, metadata);
  const tensors = readTensors(cursor, tensorCount, alignment);
  return { path, fileBytes: cursor.fileBytes, version, alignment, metadata, tensors };
}

function readMetadata(cursor: FileCursor, count: number): Map<string, GgufValue> {
  const metadata = new Map<string, GgufValue>();
  for (let index = 0; index < count; index++) {
    const key = cursor.string(`metadata key ${index}`);
    if (key === "" || key.includes("\0")) throw cursor.invalid(`metadata key ${index} is ${quoted(key)}.`);
    if (metadata.has(key)) throw cursor.invalid(`metadata key ${quoted(key)} occurs twice.`);
    metadata.set(key, readValue(cursor, quoted(key)));
  }
  return metadata;
}

function readValue(cursor: FileCursor, what: string): GgufValue {
  const type = readType(cursor, what);
  if (type !== ARRAY_TYPE) return readScalar(cursor, type, what);
  const of = readType(cursor, `the items of ${what}`);
  if (of === ARRAY_TYPE) throw cursor.invalid(`${what} is an array of arrays.`);
  const length = cursor.count(MAX_ARRAY_ITEMS, `the length of ${what}`);
  const smallestBytes = of === "string" || of === "uint64" || of === "int64" ? 8 : of === "bool" ? 1 : 0;
  if (length * smallestBytes > cursor.remainingBytes) {
    throw cursor.invalid(`${what} has ${length} items, more than the rest of the file can hold.`);
  }
  const items = <Item>(read: () => Item): Item[] => {
    const values: Item[] = [];
    for (let index = 0; index < length; index++) values.push(read());
    return values;
  };
  if (of === "string") return { type: "array", of, values: items(() => cursor.string(`an item of ${what}`)) };
  if (of === "bool") return { type: "array", of, values: items(() => cursor.number("uint8", what) !== 0) };
  if (of === "uint64" || of === "int64") {
    return { type: "array", of, values: items(() => cursor.bigint(of, what)) };
  }
  return { type: "array", of, values: items(() => cursor.number(of, what)) };
}

function readScalar(cursor: FileCursor, type: GgufScalarType, what: string): GgufValue {
  if (type === "string") return { type, value: cursor.string(what) };
  if (type === "bool") return { type, value: cursor.number("uint8", what) !== 0 };
  if (type === "uint64" || type === "int64") return { type, value: cursor.bigint(type, what) };
  return { type, value: cursor.number(type, what) };
}

const TYPE_OF_ID: ReadonlyMap<number, GgufScalarType | typeof ARRAY_TYPE> = new Map(
  Object.entries(GGUF_TYPE_IDS).map(([name, id]) => [id, name as keyof typeof GGUF_TYPE_IDS]),
);

function readType(cursor: FileCursor, what: string): GgufScalarType | typeof ARRAY_TYPE {
  const id = cursor.number("uint32", `the type of ${what}`);
  const type = TYPE_OF_ID.get(id);
  if (type === undefined) throw cursor.invalid(`the type of ${what} is ${id}, which does not exist.`);
  return type;
}

function readAlignment(cursor: FileCursor, metadata: ReadonlyMap<string, GgufValue>): number {
  const value = metadata.get("general.alignment");
  if (value === undefined) return DEFAULT_ALIGNMENT;
  const alignment = value.type === "uint32" ? value.value : 0;
  if (alignment < 1 || alignment > LARGEST_ALIGNMENT || (alignment & (alignment - 1)) !== 0) {
    throw cursor.invalid(
      `general.alignment is ${describe(value)}, not a power of two up to ${LARGEST_ALIGNMENT}.`,
    );
  }
  return alignment;
}

function readTensors(cursor: FileCursor, count: number, alignment: number): Map<string, GgufTensorInfo> {
  const described: (Omit<GgufTensorInfo, "offsetBytes"> & { readonly relativeOffset: number })[] = [];
  for (let index = 0; index < count; index++) described.push(readTensor(cursor, index));

  const padded = (bytes: number) => Math.ceil(bytes / alignment) * alignment;
  const dataStart = padded(cursor.position);
  const tensors = new Map<string, GgufTensorInfo>();
  let expectedOffset = 0;
  for (const { relativeOffset, ...tensor } of described) {
    const name = quoted(tensor.name);
    if (tensors.has(tensor.name)) throw cursor.invalid(`there are two tensors ${name}.`);
    // llama.cpp accepts only tensors that follow each other without gaps, in the order of their descriptions.
    if (relativeOffset !== expectedOffset) {
      throw cursor.invalid(
        `tensor ${name} is at offset ${relativeOffset}, where ${expectedOffset} is expected.`,
      );
    }
    const offsetBytes = dataStart + relativeOffset;
    if (offsetBytes + tensor.sizeBytes > cursor.fileBytes) {
      throw cursor.invalid(
        `tensor ${name} needs bytes ${offsetBytes} to ${offsetBytes + tensor.sizeBytes}, ` +
          `but the file has ${cursor.fileBytes}. Is the download complete?`,
      );
    }
    tensors.set(tensor.name, { ...tensor, offsetBytes });
    expectedOffset = padded(relativeOffset + tensor.sizeBytes);
  }
  return tensors;
}

function readTensor(
  cursor: FileCursor,
  index: number,
): Omit<GgufTensorInfo, "offsetBytes"> & { readonly relativeOffset: number } {
  const name = cursor.string(`the name of tensor ${index}`);
  const nameBytes = Buffer.byteLength(name);
  if (nameBytes === 0 || nameBytes > LONGEST_TENSOR_NAME_BYTES || name.includes("\0")) {
    throw cursor.invalid(`the name of tensor ${index} is ${quoted(name)}.`);
  }
  const what = `tensor ${quoted(name)}`;
  const rank = cursor.number("uint32", `the rank of ${what}`);
  if (rank < 1 || rank > 4) throw cursor.invalid(`${what} has ${rank} dimensions; 1 to 4 are possible.`);
  const dimensions: number[] = [];
  // A tensor cannot have more elements than the smallest encodings put into the whole file.
  const mostElements = cursor.fileBytes * 8;
  let elements = 1;
  for (let axis = 0; axis < rank; axis++) {
    const dimension = cursor.count(mostElements, `dimension ${axis} of ${what}`);
    elements *= dimension;
    if (dimension === 0 || elements > mostElements) {
      throw cursor.invalid(`dimension ${axis} of ${what} is ${dimension}, which cannot fit the file.`);
    }
    dimensions.push(dimension);
  }
  const encodingId = cursor.number("uint32", `the encoding of ${what}`);
  const encoding = TENSOR_ENCODINGS.get(encodingId);
  if (encoding === undefined) throw cursor.invalid(`${what} has encoding ${encodingId}, which is not known.`);
  const rowElements = dimensions[0] ?? 0;
  if (rowElements % encoding.blockElements !== 0) {
    throw cursor.invalid(
      `${what} has rows of ${rowElements} elements, not a multiple of ${encoding.blockElements} (${encoding.name}).`,
    );
  }
  const relativeOffset = cursor.count(cursor.fileBytes, `the offset of ${what}`);
  const sizeBytes = (elements / encoding.blockElements) * encoding.blockBytes;
  return { name, dimensions, encoding, sizeBytes, relativeOffset };
}

const LONGEST_QUOTE = 60;

/** A name from an untrusted file, on one line and not too long. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}...` : text);
}

/** A metadata value for a message. */
export function describe(value: GgufValue | undefined): string {
  if (value === undefined) return "missing";
  if (value.type === "array") return `an array of ${value.values.length} ${value.of} items`;
  return value.type === "string" ? quoted(value.value) : `${String(value.value)} (${value.type})`;
}

function describeBytes(bytes: Buffer): string {
  return bytes.byteLength === 0 ? "nothing" : `bytes ${bytes.toString("hex").replace(/(..)(?=.)/g, "$1 ")}`;
}
