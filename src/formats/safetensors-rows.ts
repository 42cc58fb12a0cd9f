/** Reads and replaces single rows of one matrix in a safetensors file of any size, in place. */
import { type FileHandle, open } from "node:fs/promises";

import { DataError, errorMessage } from "../core/errors.ts";
import { DTYPE_BYTES, entrySchema, headerSchema, MAX_HEADER_BYTES, toFloats } from "./safetensors.ts";

export class TensorRows implements AsyncDisposable {
  readonly rows: number;
  readonly columns: number;
  readonly #name: string;
  readonly #handle: FileHandle;
  readonly #dtype: keyof typeof DTYPE_BYTES;
  /** Offset of the matrix in the file, in bytes. */
  readonly #start: number;

  private constructor(
    name: string,
    handle: FileHandle,
    dtype: keyof typeof DTYPE_BYTES,
    start: number,
    [rows, columns]: readonly [number, number],
  ) {
    this.#name = name;
    this.#handle = handle;
    this.#dtype = dtype;
    this.#start = start;
    this.rows = rows;
    this.columns = columns;
  }

  /** Opens a matrix. @throws DataError if the file is not safetensors, or the tensor is missing or not a matrix of floats. */
  static async open(path: string, tensor: string): Promise<TensorRows> {
    const invalid = (what: string, cause?: unknown): DataError =>
      new DataError(`${path}: ${what}`, { code: "file-invalid", cause });
    const handle = await open(path, "r+").catch((error: unknown) => {
      throw new DataError(`cannot open ${path}: ${errorMessage(error)}`, {
        code: "file-unreadable",
        cause: error,
      });
    });
    try {
      const { size } = await handle.stat();
      const length = Buffer.alloc(8);
      await handle.read(length, 0, 8, 0);
      const headerBytes = Number(length.readBigUInt64LE());
      if (size < 8 || headerBytes > Math.min(MAX_HEADER_BYTES, size - 8))
        throw invalid("it is not a safetensors file");
      const header = Buffer.alloc(headerBytes);
      await handle.read(header, 0, headerBytes, 8);
      const entries = headerSchema.parse(JSON.parse(header.toString("utf8")));
      const { dtype, shape, data_offsets: range } = entrySchema.parse(entries[tensor]);
      const [rows, columns, ...more] = shape;
      const start = 8 + headerBytes + range[0];
      if (rows === undefined || columns === undefined || more.length > 0)
        throw invalid(`${tensor} is not a matrix, its shape is [${shape.join(", ")}]`);
      if (start + rows * columns * DTYPE_BYTES[dtype] > size)
        throw invalid(`${tensor} does not fit the file`);
      return new TensorRows(`${tensor} in ${path}`, handle, dtype, start, [rows, columns]);
    } catch (error) {
      await handle.close();
      if (error instanceof DataError) throw error;
      throw invalid(
        `its header describes no tensor ${tensor} that can be read (F32, BF16 and F16 can)`,
        error,
      );
    }
  }

  async read(row: number): Promise<Float32Array> {
    const bytes = Buffer.alloc(this.columns * DTYPE_BYTES[this.#dtype]);
    await this.#handle.read(bytes, 0, bytes.length, this.#place(row));
    return toFloats(this.#dtype, bytes);
  }

  async write(row: number, values: Float32Array): Promise<void> {
    if (values.length !== this.columns)
      throw new RangeError(`${this.#name} has rows of ${this.columns}, not ${values.length}`);
    await this.#handle.write(this.#encoded(values), 0, undefined, this.#place(row));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.sync();
    await this.#handle.close();
  }

  #place(row: number): number {
    if (!Number.isInteger(row) || row < 0 || row >= this.rows)
      throw new RangeError(`${this.#name} has ${this.rows} rows, and no row ${row}`);
    return this.#start + row * this.columns * DTYPE_BYTES[this.#dtype];
  }

  #encoded(values: Float32Array): Uint8Array {
    switch (this.#dtype) {
      case "F32":
        return new Uint8Array(values.slice().buffer);
      case "BF16":
        return new Uint8Array(toBfloat16(values).buffer);
      case "F16":
        throw new DataError(`${this.#name} is F16, which is not written here: save it as BF16 or F32.`, {
          code: "file-invalid",
        });
      default:
        return this.#dtype satisfies never;
    }
  }
}

/** Rounds to the nearest bfloat16, ties to even. */
function toBfloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.slice().buffer);
  return Uint16Array.from(bits, (one) => (one + 0x7fff + ((one >>> 16) & 1)) >>> 16);
}
