/**
 * The messages that travel as protobuf (Tinker SDK 0.25, `tinker_public.proto`): requests of passes, and the results of passes and samples.
 * Numbers are little-endian bytes: token ids int32, log-probabilities float32, targets int64.
 */
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

import { TrainError, WireError } from "../../../../core/errors.ts";

export const PROTOBUF = "application/x-protobuf";

/** One datum as it is sent. `loss_fn_inputs` are named. */
export interface WireDatum {
  readonly tokens: readonly number[];
  readonly targets: readonly number[];
  readonly floats: Readonly<Record<string, readonly number[]>>;
}

export interface PassRequest {
  readonly modelId: string;
  readonly sequence: number;
  readonly loss: string;
  readonly lossConfig: Readonly<Record<string, number>>;
  readonly forwardOnly: boolean;
  /** Encoded datums, from {@link encodeWireDatum}. */
  readonly data: readonly Uint8Array[];
}

export interface PassResult {
  readonly outputType: string;
  /** Names of what each datum has, `logprobs` among them. */
  readonly outputs: readonly string[];
  /** Log-probabilities of the targets, one array for each datum. */
  readonly logprobs: readonly Float32Array[];
  readonly metrics: ReadonlyMap<string, number>;
}

export interface SampledSequence {
  readonly stopped: boolean;
  readonly tokens: readonly number[];
  readonly logprobs: Float32Array | undefined;
}

export interface SampleResult {
  readonly sequences: readonly SampledSequence[];
}

const FLOAT32 = 1;
const INT64 = 2;
const STOPPED = 0;

/** Encodes one datum. The size of a request is the sum of these. */
export function encodeWireDatum({ tokens, targets, floats }: WireDatum): Uint8Array {
  const writer = new BinaryWriter();
  const ids = bytesOf(Int32Array.from(tokens));
  // Datum.model_input: Chunk.encoded_text: EncodedTextChunk.tokens
  writer.tag(1, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).bytes(ids).join().join();
  writeInput(writer, "target_tokens", bytesOf(BigInt64Array.from(targets, BigInt)), INT64, targets.length);
  for (const [name, values] of Object.entries(floats)) {
    writeInput(writer, name, bytesOf(Float32Array.from(values)), FLOAT32, values.length);
  }
  return writer.finish();
}

function writeInput(writer: BinaryWriter, name: string, dense: Uint8Array, type: number, length: number) {
  // Datum.loss_fn_inputs: map<string, Tensor>
  writer.tag(2, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(name);
  writer.tag(2, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.LengthDelimited).bytes(dense).tag(3, WireType.Varint).int32(type);
  writer.tag(4, WireType.LengthDelimited).fork().int64(length).join();
  writer.join().join();
}

export function encodePassRequest(request: PassRequest): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.LengthDelimited).string(request.modelId);
  writer.tag(2, WireType.Varint).int32(request.sequence);
  for (const datum of request.data) writer.tag(3, WireType.LengthDelimited).bytes(datum);
  writer.tag(4, WireType.LengthDelimited).string(request.loss);
  for (const [name, value] of Object.entries(request.lossConfig)) {
    writer.tag(5, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(name);
    writer.tag(2, WireType.Bit64).double(value).join();
  }
  if (request.forwardOnly) writer.tag(6, WireType.Varint).bool(true);
  return writer.finish();
}

/** @throws WireError when it is not such a message, or a datum has no log-probabilities. */
export function decodePassResult(bytes: Uint8Array, name: string): PassResult {
  return decoding(name, () => {
    let outputType = "";
    const outputs: string[] = [];
    const logprobs: Float32Array[] = [];
    const metrics = new Map<string, number>();
    readFields(bytes, (field, reader) => {
      if (field === 1) outputType = reader.string();
      else if (field === 2) {
        const record = readRecord(reader.bytes());
        outputs.push(...record.outputs);
        logprobs.push(...record.logprobs);
      } else if (field === 3) {
        const [key, value] = readMetric(reader.bytes());
        metrics.set(key, value);
      } else return false;
      return true;
    });
    return { outputType, outputs, logprobs, metrics };
  });
}

/** @throws WireError when it is not such a message. */
export function decodeSampleResult(bytes: Uint8Array, name: string): SampleResult {
  return decoding(name, () => {
    const sequences: SampledSequence[] = [];
    readFields(bytes, (field, reader) => {
      if (field !== 1) return false;
      sequences.push(readSequence(reader.bytes()));
      return true;
    });
    return { sequences };
  });
}

function readSequence(bytes: Uint8Array): SampledSequence {
  let stopped = true;
  let tokens: readonly number[] = [];
  let logprobs: Float32Array | undefined;
  readFields(bytes, (field, reader) => {
    if (field === 1) stopped = reader.int32() === STOPPED;
    else if (field === 2) tokens = Array.from(new Int32Array(aligned(reader.bytes(), 4)));
    else if (field === 3) logprobs = new Float32Array(aligned(reader.bytes(), 4));
    else return false;
    return true;
  });
  return { stopped, tokens, logprobs };
}

/** Reads an ArrayRecord: the names of its fields, and the field `logprobs` of all its datums. */
function readRecord(bytes: Uint8Array): Pick<PassResult, "outputs" | "logprobs"> {
  const outputs: string[] = [];
  let found: Float32Array[] | undefined;
  let count = 0;
  readFields(bytes, (field, reader) => {
    if (field === 3) count = Number(reader.int64());
    else if (field === 2) {
      let key = "";
      let tensor: Uint8Array = new Uint8Array();
      readFields(reader.bytes(), (inner, entry) => {
        if (inner === 1) key = entry.string();
        else if (inner === 2) tensor = entry.bytes();
        else return false;
        return true;
      });
      outputs.push(key);
      if (key === "logprobs") found = readBatchedTensor(tensor);
    } else return false;
    return true;
  });
  if (found === undefined) throw new RangeError("a record has no log-probabilities");
  if (found.length !== count) throw new RangeError(`${found.length} log-probabilities of ${count} datums`);
  return { outputs, logprobs: found };
}

function readBatchedTensor(bytes: Uint8Array): Float32Array[] {
  let data = new ArrayBuffer(0);
  let offsets: readonly number[] = [];
  let type = 0;
  readFields(bytes, (field, reader) => {
    if (field === 1) data = aligned(reader.bytes(), 1);
    else if (field === 2) offsets = Array.from(new BigInt64Array(aligned(reader.bytes(), 8)), Number);
    else if (field === 3) type = reader.int32();
    else return false;
    return true;
  });
  if (type !== FLOAT32) throw new RangeError(`log-probabilities of type ${type}, not float32 (${FLOAT32})`);
  return offsets.slice(1).map((end, index) => {
    const start = offsets[index] ?? 0;
    if (!(start >= 0 && end >= start && end <= data.byteLength && start % 4 === 0 && end % 4 === 0))
      throw new RangeError(`a tensor from ${start} to ${end} in ${data.byteLength} bytes`);
    return new Float32Array(data, start, (end - start) / 4);
  });
}

function readMetric(bytes: Uint8Array): [string, number] {
  let key = "";
  let value = Number.NaN;
  readFields(bytes, (field, reader) => {
    if (field === 1) key = reader.string();
    else if (field === 2) value = reader.double();
    else return false;
    return true;
  });
  return [key, value];
}

/** `read` returns false for fields it does not know, which are skipped. */
function readFields(bytes: Uint8Array, read: (field: number, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    const before = reader.pos;
    if (!read(field, reader) && reader.pos === before) reader.skip(type, field);
  }
}

function decoding<Result>(name: string, decode: () => Result): Result {
  try {
    return decode();
  } catch (error) {
    throw new WireError(
      `${name}: its protobuf answer cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
      { code: "wire-invalid", cause: error },
    );
  }
}

/** An aligned copy, which typed arrays can view. */
function aligned(bytes: Uint8Array, size: number): ArrayBuffer {
  if (bytes.length % size !== 0) throw new RangeError(`${bytes.length} bytes are no whole number of ${size}`);
  return Uint8Array.from(bytes).buffer;
}

function bytesOf(array: Int32Array | BigInt64Array | Float32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** Limits of one request (Tinker protocol). */
const MOST_DATUMS = 1_024;
const MOST_BYTES = 5_000_000;
/** Bytes of names, sequence number and loss; and about three bytes for each datum's length. */
const OVERHEAD_BYTES = 4_096;
const OVERHEAD_PER_DATUM_BYTES = 6;

/** Splits items into consecutive groups that keep the limits. @throws TrainError for a datum that is too large by itself. */
export function splitByLimits<Item extends { readonly encoded: Uint8Array }>(
  items: readonly Item[],
): Item[][] {
  const groups: Item[][] = [];
  let group: Item[] = [];
  let sizeBytes = OVERHEAD_BYTES;
  for (const item of items) {
    const itemBytes = item.encoded.length + OVERHEAD_PER_DATUM_BYTES;
    if (OVERHEAD_BYTES + itemBytes > MOST_BYTES) {
      throw new TrainError(
        `a datum has ${item.encoded.length} bytes on the wire; a trainer server takes ${MOST_BYTES} in a request. Leave out examples this long.`,
        { code: "train-invalid" },
      );
    }
    if (group.length === MOST_DATUMS || sizeBytes + itemBytes > MOST_BYTES) {
      groups.push(group);
      group = [];
      sizeBytes = OVERHEAD_BYTES;
    }
    group.push(item);
    sizeBytes += itemBytes;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}
