/** The sampler's view of a trainer server: it draws tokens, and tells log-probabilities of tokens that are named. */
import type { SampledSequence } from "../wire/protobuf.ts";

export interface SampleRequest {
  readonly prompt: readonly number[];
  readonly maxTokens: number;
  readonly samples: number;
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
  readonly stops: readonly number[];
}

export interface TargetQuestion {
  readonly tokens: readonly number[];
  /** One token for each of `tokens`: a token that might follow it. */
  readonly targets: readonly number[];
}

export interface PolicySource {
  /** @throws TrainError when the weights have changed since. */
  sample(request: SampleRequest): Promise<readonly SampledSequence[]>;
  /** log P(target | tokens before it) for each target of each question (nats). */
  logprobs(questions: readonly TargetQuestion[]): Promise<readonly Float32Array[]>;
  release(): Promise<void>;
}
