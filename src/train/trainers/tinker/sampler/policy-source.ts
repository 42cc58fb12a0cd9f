/** What a sampler asks of a trainer server: tokens, and log-probabilities of tokens it names. */
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
  /** One for each token: what might follow it. */
  readonly targets: readonly number[];
}

export interface PolicySource {
  /** @throws TrainError when the weights have changed since. */
  sample(request: SampleRequest): Promise<readonly SampledSequence[]>;
  /** log P(target | tokens up to it), of each target of each question (nats). */
  logprobs(questions: readonly TargetQuestion[]): Promise<readonly Float32Array[]>;
  release(): Promise<void>;
}
