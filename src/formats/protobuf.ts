/**
 * The part of the protobuf wire format that ONNX models and TensorBoard's events need. Nested messages and tensor data are kept by reference
 * until the message is finished. So they are copied once, and a large constant never becomes an array of numbers.
 */

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

const utf8 = new TextEncoder();

export class ProtobufMessage {
  readonly #chunks: Uint8Array[] = [];
  #pending: number[] = [];
  #size = 0;

  /** Length of the finished message in bytes. */
  get sizeBytes(): number {
    return this.#size + this.#pending.length;
  }

  /** An int32, int64 or enum field; `value` is a safe integer, negative allowed. */
  integer(field: number, value: number): this {
    this.#varint(field * 8 + VARINT);
    this.#varint(value);
    return this;
  }

  float(field: number, value: number): this {
    this.#varint(field * 8 + FIXED32);
    this.#pending.push(...new Uint8Array(new Float32Array([value]).buffer));
    return this;
  }

  double(field: number, value: number): this {
    this.#varint(field * 8 + FIXED64);
    this.#pending.push(...new Uint8Array(new Float64Array([value]).buffer));
    return this;
  }

  string(field: number, text: string): this {
    return this.bytes(field, utf8.encode(text));
  }

  /** `content` is kept by reference until {@link finish}. */
  bytes(field: number, content: Uint8Array): this {
    this.#varint(field * 8 + LENGTH_DELIMITED);
    this.#varint(content.length);
    this.#append(content);
    return this;
  }

  message(field: number, inner: ProtobufMessage): this {
    inner.#flush();
    this.#varint(field * 8 + LENGTH_DELIMITED);
    this.#varint(inner.sizeBytes);
    for (const chunk of inner.#chunks) this.#append(chunk);
    return this;
  }

  finish(): Uint8Array {
    this.#flush();
    const whole = new Uint8Array(this.#size);
    let offset = 0;
    for (const chunk of this.#chunks) {
      whole.set(chunk, offset);
      offset += chunk.length;
    }
    return whole;
  }

  #append(chunk: Uint8Array): void {
    this.#flush();
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  #flush(): void {
    if (this.#pending.length === 0) return;
    this.#chunks.push(Uint8Array.from(this.#pending));
    this.#size += this.#pending.length;
    this.#pending = [];
  }

  #varint(value: number): void {
    if (value < 0) {
      // Ten bytes of two's complement; rare (axes counted from the end), so BigInt's slowness does not matter.
      let rest = BigInt.asUintN(64, BigInt(value));
      while (rest > 127n) {
        this.#pending.push(Number(rest & 127n) | 128);
        rest >>= 7n;
      }
      this.#pending.push(Number(rest));
      return;
    }
    let rest = value;
    while (rest > 127) {
      this.#pending.push((rest % 128) | 128);
      rest = Math.floor(rest / 128);
    }
    this.#pending.push(rest);
  }
}
