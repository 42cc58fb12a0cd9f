/**
 * Writes a GGUF model again with other weight types: every matrix is dequantised to float32 and quantised again. The type decides the speed,
 * since llama.cpp has batched kernels for some types only. Quantising twice costs accuracy, so the result should be evaluated.
 */
import { DataError } from "../../core/errors.ts";
import { type WritableEncoding, quantize } from "./quantization/quantize.ts";
import { readGguf } from "./reader.ts";
import { readTensorBytes, readTensorValues } from "./tensor-data.ts";
import { type GgufFile, type GgufTensorInfo, ggufUint32, type GgufValue } from "./types.ts";
import { type GgufTensorSource, writeGgufSources } from "./writer.ts";

/** Values of `general.file_type` (llama.h, `enum llama_ftype`): the type of most matrices. Loaders print it and do not rely on it. */
const FILE_TYPES: Readonly<Record<WritableEncoding, number>> = { F32: 0, F16: 1, Q4_0: 2, Q8_0: 7 };

export interface RequantizeOptions {
  /** The type of matrices. */
  readonly weights: WritableEncoding;
  /** The type of the token embedding and the output matrix, which cost the most accuracy. Default: `weights`. */
  readonly embedding?: WritableEncoding;
  /** Called after each tensor. */
  readonly onTensor?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

const EMBEDDINGS: ReadonlySet<string> = new Set(["token_embd.weight", "output.weight"]);

/**
 * Reads `from` and writes `to`, which appears when it is whole. Vectors (norms, biases) stay as they are.
 * @throws DataError when the file is unsound, is one part of a split model, or has a type that cannot be dequantised.
 */
export async function requantizeGguf(from: string, to: string, options: RequantizeOptions): Promise<void> {
  const file = readGguf(from);
  if (file.metadata.has("split.count")) {
    throw new DataError(
      `${from} is one part of a split model: join the parts first (llama-gguf-split --merge).`,
      {
        code: "file-invalid",
      },
    );
  }
  const total = file.tensors.size;
  const throwIfStopped = () => {
    if (options.signal?.aborted === true)
      throw new DataError(`stopped before ${to} was whole; nothing was written.`, { code: "aborted" });
  };
  await writeGgufSources(to, {
    metadata: withFileType(file.metadata, options.weights),
    tensors: [...file.tensors.values()].map((tensor, index) =>
      requantized(file, tensor, options, () => {
        throwIfStopped();
        options.onTensor?.(index + 1, total);
      }),
    ),
  });
}

function withFileType(
  metadata: ReadonlyMap<string, GgufValue>,
  weights: WritableEncoding,
): ReadonlyMap<string, GgufValue> {
  return new Map(metadata).set("general.file_type", ggufUint32(FILE_TYPES[weights]));
}

function requantized(
  { path }: GgufFile,
  tensor: GgufTensorInfo,
  { weights, embedding = weights }: RequantizeOptions,
  onRead: () => void,
): GgufTensorSource {
  const { name, dimensions } = tensor;
  const target = EMBEDDINGS.has(name) ? embedding : weights;
  const isMatrix = dimensions.length > 1;
  if (!isMatrix || tensor.encoding.name === target) {
    return {
      name,
      dimensions,
      encoding: tensor.encoding.name,
      bytes: () => (onRead(), readTensorBytes(path, tensor)),
    };
  }
  return {
    name,
    dimensions,
    encoding: target,
    bytes: () => {
      onRead();
      return quantize(target, readTensorValues(path, tensor));
    },
  };
}
