/** How the upstream writes a token and the load generator finds it again. */

/** The name of its only model. */
export const MODEL = "scripted";

/** Begins each token, and occurs nowhere else in an answer. */
export const MARK = "~";
const MARK_BYTE = 0x7e;
const SPACE_BYTE = 0x20;

/** Monotonic, and on Linux and macOS the same clock in every process of a machine. */
export function nowUs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + Math.floor(nanoseconds / 1000);
}

/** Finds the tokens in a stream of bytes however they were cut, and when each was written. */
export class TokenReader {
  #count = 0;
  /** A token that the last piece cut. */
  #rest = "";

  get count(): number {
    return this.#count;
  }

  /** Only counts: the cheap way. */
  countIn(bytes: Buffer): number {
    let found = 0;
    for (let at = bytes.indexOf(MARK_BYTE); at >= 0; at = bytes.indexOf(MARK_BYTE, at + 1)) found++;
    this.#count += found;
    return found;
  }

  /** Calls back with the time of writing of each token that is complete by now. */
  readIn(bytes: Buffer, onToken: (writtenUs: number) => void): void {
    let at = 0;
    if (this.#rest !== "") {
      const end = bytes.indexOf(SPACE_BYTE);
      if (end < 0) {
        this.#rest += bytes.toString("latin1");
        return;
      }
      this.#emit(this.#rest + bytes.toString("latin1", 0, end), onToken);
      at = end + 1;
    }
    for (at = bytes.indexOf(MARK_BYTE, at); at >= 0; at = bytes.indexOf(MARK_BYTE, at)) {
      const end = bytes.indexOf(SPACE_BYTE, at);
      if (end < 0) {
        this.#rest = bytes.toString("latin1", at);
        return;
      }
      this.#emit(bytes.toString("latin1", at, end), onToken);
      at = end + 1;
    }
  }

  #emit(token: string, onToken: (writtenUs: number) => void): void {
    this.#rest = "";
    this.#count++;
    onToken(Number.parseInt(token.slice(MARK.length), 36));
  }
}
