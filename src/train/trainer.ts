/**
 * The Trainer contract, shaped like the Tinker protocol, so that one loop drives the embedded trainer and a remote cluster.
 * A datum is one sequence, already shifted: `targets[t]` is what should follow `tokens[0..t]`.
 */
import type { TokenId } from "../core/ids.ts";
import type { Engine } from "../engines/engine.ts";

export interface Datum {
  /** Inputs, length T. */
  readonly tokens: readonly TokenId[];
  /** Targets, length T. */
  readonly targets: readonly TokenId[];
  /** Per-target loss weights, length T; 0 masks a target. Sums, not means: every normalisation is folded in here. */
  readonly weights: readonly number[];
  /** For reinforcement learning: log-probabilities under the policy that sampled, length T. */
  readonly logprobs?: readonly number[];
  /** For reinforcement learning, length T. */
  readonly advantages?: readonly number[];
}

/** `cross_entropy`: loss = -sum(weights * logprob). Other losses are computed by the caller from `forward` as weights. */
export type LossName = "cross_entropy";

export interface AdamParameters {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decoupled (AdamW); matrices only, never norms. */
  readonly weightDecay: number;
  /** Global gradient norm above which gradients are scaled down; 0 turns it off. */
  readonly clipNorm: number;
}

export interface ForwardResult {
  /** Of each target, in the order of the data, lengths as given (nats). */
  readonly logprobs: readonly Float32Array[];
  /** -sum(weights * logprob). */
  readonly lossSum: number;
  readonly weightSum: number;
}

export interface OptimResult {
  /** Global norm before clipping. */
  readonly gradientNorm: number;
}

/** Weights that do not change any more. */
export interface Reference extends AsyncDisposable {
  forward(data: readonly Datum[]): Promise<ForwardResult>;
}

export interface Trainer {
  forward(data: readonly Datum[]): Promise<ForwardResult>;
  /** Adds to the gradients. */
  forwardBackward(data: readonly Datum[], loss: LossName): Promise<ForwardResult>;
  /** Applies the gradients and clears them. */
  optimStep(adam: AdamParameters): Promise<OptimResult>;
  /** The two above in one call; a trainer may fuse them. */
  trainStep(
    data: readonly Datum[],
    loss: LossName,
    adam: AdamParameters,
  ): Promise<ForwardResult & OptimResult>;
  /** An engine with the weights as they are now, for rollouts. The caller closes it; later updates do not reach it. */
  sampler(): Promise<Engine>;
  /** Weights, moments and step count: training goes on from `load` as if it had never stopped. */
  save(folder: string): Promise<void>;
  load(folder: string): Promise<void>;
  /** What `save` wrote to `folder`, beside the weights that are trained: for divergences from it. Left out by a trainer that cannot. */
  reference?(folder: string): Promise<Reference>;
  /** A Hugging Face folder (safetensors, config.json, tokenizer files) and a GGUF of the same weights. */
  export(folder: string): Promise<void>;
  /** Set once the policy is gone from where it is sampled and trained: what was made since is of no use. Left out where that cannot be. */
  readonly lost?: Error | undefined;
  close(): Promise<void>;
}
