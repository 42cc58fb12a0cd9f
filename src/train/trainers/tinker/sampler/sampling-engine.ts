/**
 * The policy model as a trainer server samples it. It reports no entropies, finds the likeliest allowed token by draws, and takes a bias
 * only at temperatures 0 and 1. It is slow: the server caches nothing between requests, a score is a forward pass over the whole context,
 * and a biased draw is a request for each token. A sampler that serves the same weights is much faster (docs/scale.md).
 */
import { modelId } from "../../../../core/ids.ts";
import type { Engine } from "../../../../engines/engine.ts";
import { TokenEngine } from "../../../../engines/token-engine.ts";
import type { ByteLevelTokenizer } from "../../../../tokenizer/index.ts";
import type { PolicySource } from "./policy-source.ts";
import { SamplingBackend } from "./sampling-backend.ts";

export interface SamplingEngineOptions {
  readonly name: string;
  readonly source: PolicySource;
  readonly tokenizer: ByteLevelTokenizer;
  readonly contextSize: number;
}

/** Any number of sequences can be open: the server queues. */
export function samplingEngine({ name, source, tokenizer, contextSize }: SamplingEngineOptions): Engine {
  const turnEnds = tokenizer.endOfTurn === undefined ? [] : [tokenizer.endOfTurn];
  return new TokenEngine({
    model: modelId(name),
    tokenizer,
    capabilities: {
      scores: "every-position",
      prefill: false,
      tokenIds: true,
      logitBias: true,
      draws: "request",
      logprobs: true,
      entropy: false,
      contextSize,
    },
    chatTemplate: undefined,
    createBackend: () => new SamplingBackend(source, { contextSize, turnEnds }),
    release: () => source.release(),
  });
}
