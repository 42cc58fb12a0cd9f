/** The model of a model server: next-token logits over a cache of tokens. The server samples by itself, as real ones do. */
import type { TokenId } from "../../../src/core/ids.ts";
import type { EngineTokenizer } from "../../../src/engines/token-backend.ts";

export interface ServedModel {
  /** The name that `/v1/models` lists. */
  readonly name: string;
  readonly tokenizer: EngineTokenizer;
  readonly contextSize: number;
  readonly chatTemplate?: string;
  /** A cache of its own. */
  openSlot(): ServedSlot;
  close(): Promise<void>;
}

/** One cache of tokens that were read (the KV cache of one sequence). */
export interface ServedSlot {
  readonly ids: readonly TokenId[];
  /**
   * Reads `ids` after the tokens that are there.
   * @param wanted After how many of the last ones the logits are wanted.
   * @returns That many rows of logits by id, in order.
   */
  read(ids: readonly TokenId[], wanted: number): Promise<Float64Array[]>;
  /** Forgets all but the first `length` tokens. */
  truncate(length: number): Promise<void>;
  /** Takes over the first `length` tokens of another slot; undefined where the model cannot copy its cache. */
  readonly copy?: (from: ServedSlot, length: number) => Promise<void>;
}

export function commonPrefix(left: readonly TokenId[], right: readonly TokenId[]): number {
  const most = Math.min(left.length, right.length);
  let length = 0;
  while (length < most && left[length] === right[length]) length++;
  return length;
}
