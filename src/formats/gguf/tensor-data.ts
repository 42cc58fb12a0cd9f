/** The bytes and the values of one tensor of a GGUF file. A file's header has been checked by {@link readGguf}. */
import { closeSync, openSync, readSync } from "node:fs";

import { DataError } from "../../core/errors.ts";
import { dequantize } from "./quantization/dequantize.ts";
import type { GgufTensorInfo } from "./types.ts";

/** @throws DataError when the file cannot be read, or has become shorter than its header says. */
export const readTensorBytes = (path: string, tensor: GgufTensorInfo): Uint8Array =>
  readBytes(path, tensor.name, tensor.offsetBytes, tensor.sizeBytes);

function readBytes(path: string, name: string, offsetBytes: number, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  const descriptor = openSync(path, "r");
  try {
    for (let read = 0; read < sizeBytes;) {
      const count = readSync(descriptor, bytes, read, sizeBytes - read, offsetBytes + read);
      if (count === 0) {
        throw new DataError(`${path}: the tensor "${name}" ends after ${read} of ${sizeBytes} bytes.`, {
          code: "file-invalid",
        });
      }
      read += count;
    }
  } finally {
    closeSync(descriptor);
  }
  return bytes;
}

/** Row-major float32 values. @throws DataError as {@link readTensorBytes}, and on a type that cannot be dequantised. */
export function readTensorValues(path: string, tensor: GgufTensorInfo): Float32Array {
  return dequantize(tensor.encoding.name, readTensorBytes(path, tensor));
}

/** Values of one row: the innermost dimension. @throws DataError as {@link readTensorValues}. */
export function readTensorRow(path: string, tensor: GgufTensorInfo, row: number): Float32Array {
  const { name, dimensions, encoding, offsetBytes } = tensor;
  const rowBytes = ((dimensions[0] ?? 0) / encoding.blockElements) * encoding.blockBytes;
  return dequantize(encoding.name, readBytes(path, name, offsetBytes + row * rowBytes, rowBytes));
}
