/** How much memory training an adapter takes, beside the weights of its base. */
import { adapterPairs, adapterSize, type AdapterShape } from "../../model/adapter.ts";
import type { DecoderConfig } from "../../model/config.ts";
import type { BatchShape } from "../../model/decoder.ts";

/** Tokens whose logits exist at one time. */
export const HEAD_TOKENS = 256;

/** Values, gradients and two moments. */
const COPIES_OF_ADAPTER = 4;
/** Arrays of the layer's widest kind that exist at one time in its backward pass. */
const WIDE_ARRAYS = 8;

/** Allowance for what onnxruntime's sessions hold beside what they compute with. With 24 layers of Qwen2.5-0.5B, 2.8 to 3.3 GB were measured in all. */
const HELD_BY_SESSIONS = 1.75;

/** An estimate in bytes: what the layers keep, one layer's backward pass, the logits, and the adapter. */
export function adaptedModelBytes(config: DecoderConfig, adapter: AdapterShape, largest: BatchShape): number {
  const { hiddenSize, heads, keyValueHeads, headSize, intermediateSize, layers, vocabularySize } = config;
  const tokens = largest.rows * largest.length;
  const kept =
    2 * hiddenSize +
    (heads + 2 * keyValueHeads) * headSize +
    2 * intermediateSize +
    adapter.targets.length * adapter.rank;
  const logits = 2 * Math.min(HEAD_TOKENS, tokens) * vocabularySize;
  const passing = WIDE_ARRAYS * intermediateSize * tokens + heads * largest.length * tokens;
  const trained = COPIES_OF_ADAPTER * adapterSize(adapterPairs(config, adapter));
  return 4 * HELD_BY_SESSIONS * (layers * kept * tokens + logits + passing + trained);
}
