/** A GGUF in llama.cpp, straight through node-llama-cpp: what exports are compared with. */
import { getLlama, LlamaLogLevel, type Token } from "node-llama-cpp";

export interface LlamaReference extends AsyncDisposable {
  /** Logits after each token, `[ids.length][vocabularySize]`, computed in F32. */
  logits(ids: readonly number[]): Promise<number[][]>;
  tokenize(text: string, options: { readonly markers: boolean }): number[];
  readonly vocabularySize: number;
}

export async function loadLlamaReference(path: string, contextSize: number): Promise<LlamaReference> {
  const llama = await getLlama({ gpu: false, build: "never", maxThreads: 1, logLevel: LlamaLogLevel.error });
  const model = await llama.loadModel({ modelPath: path });
  // An F16 cache and flash attention cost three digits.
  const context = await model.createContext({
    contextSize,
    threads: 1,
    flashAttention: false,
    experimentalKvCacheKeyType: "F32",
    experimentalKvCacheValueType: "F32",
  });
  const sequence = context.getSequence();
  return {
    vocabularySize: model.fileInfo.metadata.tokenizer.ggml.tokens.length,
    tokenize: (text, { markers }) => model.tokenize(text, markers),
    async logits(ids) {
      await sequence.clearHistory();
      const results = await sequence.controlledEvaluate(
        ids.map((id) => [id as Token, { generateNext: { logits: true } }]),
      );
      return ids.map((_, index) => {
        const logits: number[] = [];
        for (const [token, logit] of results[index]?.next.logits ?? []) logits[token] = logit;
        return logits;
      });
    },
    async [Symbol.asyncDispose]() {
      await context.dispose();
      await model.dispose();
      await llama.dispose();
    },
  };
}
