/** Decodes the bytes of tokens to text. An incomplete code point waits for the tokens that complete it. */

const NOTHING = Buffer.alloc(0);

export class Utf8Stream {
  #waiting: Buffer = NOTHING;

  /** @param waiting The incomplete end of the bytes before, see {@link incompleteEnd}. */
  constructor(waiting: Uint8Array = NOTHING) {
    this.#waiting = Buffer.from(waiting);
  }

  /** Whether a code point is incomplete now. */
  get isWaiting(): boolean {
    return this.#waiting.byteLength > 0;
  }

  /** The text that `bytes` complete. Bytes that are not UTF-8 become U+FFFD. */
  push(bytes: Uint8Array): string {
    const all = this.isWaiting ? Buffer.concat([this.#waiting, bytes]) : Buffer.from(bytes);
    const waiting = incompleteLength(all);
    this.#waiting = waiting === 0 ? NOTHING : all.subarray(all.byteLength - waiting);
    return all.toString("utf8", 0, all.byteLength - waiting);
  }

  clone(): Utf8Stream {
    return new Utf8Stream(this.#waiting);
  }
}

/** The last bytes, up to three, that begin a code point without completing it. */
export function incompleteEnd(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(bytes.byteLength - incompleteLength(bytes));
}

function incompleteLength(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.byteLength); back++) {
    const byte = bytes[bytes.byteLength - back] ?? 0;
    if (byte >= 0x80 && byte < 0xc0) continue;
    return codePointLength(byte) > back ? back : 0;
  }
  return 0;
}

function codePointLength(lead: number): number {
  if (lead >= 0xf0 && lead <= 0xf4) return 4;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  return lead >= 0xc2 && lead < 0xe0 ? 2 : 1;
}
