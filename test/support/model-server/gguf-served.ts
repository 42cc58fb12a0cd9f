/** A GGUF to serve, in llama.cpp in this process: the tiny random models and the shipped pair. */
import type { LlamaContextSequence, Token } from "node-llama-cpp";

import { tokenId, type TokenId } from "../../../src/core/ids.ts";
import { LlamaTokenizer } from "../../../src/engines/llama/llama-tokenizer.ts";
import { sharedRuntime } from "../../../src/engines/llama/runtime.ts";
import { checkGguf } from "../../../src/formats/gguf/index.ts";
import type { ServedModel, ServedSlot } from "./served-model.ts";

export interface GgufServedOptions {
  /** Default: the file's path. */
  readonly name?: string;
  /** Default: what the model was made for, at most 2048. */
  readonly contextSize?: number;
  /** Caches at most. Default 4. */
  readonly slots?: number;
}

export async function ggufServed(path: string, options: GgufServedOptions = {}): Promise<ServedModel> {
  const summary = checkGguf(path);
  const { llama } = await sharedRuntime(false);
  const model = await llama.loadModel({ modelPath: path, gpuLayers: 0, useMmap: false });
  const contextSize = options.contextSize ?? Math.min(summary.contextLength, 2048);
  const context = await model.createContext({
    contextSize: contextSize + 1,
    sequences: options.slots ?? 4,
    threads: 1,
    flashAttention: false,
    experimentalKvCacheKeyType: "F32",
    experimentalKvCacheValueType: "F32",
  });
  const tokenizer = new LlamaTokenizer(model, summary);
  const { chatTemplate } = summary.tokenizer;
  return {
    name: options.name ?? path,
    tokenizer,
    contextSize,
    ...(chatTemplate === undefined ? {} : { chatTemplate }),
    openSlot: () => new GgufSlot(context.getSequence(), tokenizer.size),
    close: async () => {
      await context.dispose();
      await model.dispose();
    },
  };
}

class GgufSlot implements ServedSlot {
  readonly #sequence: LlamaContextSequence;
  readonly #vocabularySize: number;

  constructor(sequence: LlamaContextSequence, vocabularySize: number) {
    this.#sequence = sequence;
    this.#vocabularySize = vocabularySize;
  }

  get ids(): readonly TokenId[] {
    return this.#sequence.contextTokens.map((token) => tokenId(token));
  }

  async read(ids: readonly TokenId[], wanted: number): Promise<Float64Array[]> {
    const results = await this.#sequence.controlledEvaluate(
      ids.map((id, index) => {
        const token = id as number as Token;
        return index < ids.length - wanted ? token : [token, { generateNext: { logits: true } }];
      }),
    );
    return Array.from({ length: wanted }, (_, row) => {
      const logits = new Float64Array(this.#vocabularySize).fill(-Infinity);
      const found = results[ids.length - wanted + row]?.next?.logits;
      if (found === undefined) throw new Error("llama.cpp gave no logits");
      for (const [token, logit] of found) logits[token] = logit;
      return logits;
    });
  }

  async truncate(length: number): Promise<void> {
    const { nextTokenIndex } = this.#sequence;
    if (length < nextTokenIndex) {
      await this.#sequence.eraseContextTokenRanges([{ start: length, end: nextTokenIndex }]);
    }
  }
}
