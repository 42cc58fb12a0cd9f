/**
 * Examples of a training run in five bytes a token: four for the id, one for the weight, outside of JavaScript's heap. As arrays of
 * numbers, tens of thousands of long traces would not fit into the heap.
 */
import { createHash } from "node:crypto";

import { type TokenId, tokenId } from "../../core/ids.ts";
import type { Datum } from "../trainer.ts";

/** An example: the ids of its tokens and its last target, and the code of each target's weight. */
interface Packed {
  readonly ids: Int32Array;
  readonly weights: Uint8Array;
}

export class PackedExamples {
  readonly #packed: Packed[] = [];
  /** The weights that occur, by code: usually 0, 1 and that of spans. */
  readonly #weights: number[] = [];

  get length(): number {
    return this.#packed.length;
  }

  /** Adds an example. @throws RangeError when its targets are not its shifted tokens, or there are more than 256 different weights. */
  add({ tokens, targets, weights }: Datum): void {
    const ids = new Int32Array(tokens.length + 1);
    ids.set(tokens);
    ids[tokens.length] = targets.at(-1) ?? 0;
    for (const [position, target] of targets.entries())
      if (target !== ids[position + 1]) throw new RangeError("an example's targets are its tokens, shifted");
    this.#packed.push({ ids, weights: Uint8Array.from(weights, (weight) => this.#codeOf(weight)) });
  }

  /** Number of an example's tokens, without its last target. */
  tokensOf(index: number): number {
    return this.#at(index).weights.length;
  }

  at(index: number): Datum {
    const { ids, weights } = this.#at(index);
    const tokens: TokenId[] = Array.from(ids, tokenId);
    return {
      tokens: tokens.slice(0, -1),
      targets: tokens.slice(1),
      weights: Array.from(weights, (code) => this.#weights[code] ?? 0),
    };
  }

  /** Digest of these examples' tokens and weights, in this order: the first 16 hexadecimal digits of SHA-256 over their canonical JSON. */
  digestOf(indices: readonly number[]): string {
    const hash = createHash("sha256").update("[");
    for (const [position, index] of indices.entries()) {
      const { tokens, weights } = this.at(index);
      hash.update(`${position === 0 ? "" : ","}${JSON.stringify([tokens, weights])}`);
    }
    return hash.update("]").digest("hex").slice(0, 16);
  }

  #at(index: number): Packed {
    const packed = this.#packed[index];
    if (packed === undefined)
      throw new RangeError(`there are ${this.length} examples, and no example ${index}`);
    return packed;
  }

  #codeOf(weight: number): number {
    const known = this.#weights.indexOf(weight);
    if (known >= 0) return known;
    if (this.#weights.length === 256) throw new RangeError("examples have more than 256 different weights");
    return this.#weights.push(weight) - 1;
  }
}
