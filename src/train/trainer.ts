/**
 * The contract of a trainer. It is shaped like the Tinker protocol, so that one loop drives the embedded trainer and a remote cluster. A
 * datum is one sequence, already shifted: `targets[t]` should follow `tokens[0..t]`.
 */
import type { TokenId } from "../core/ids.ts";
import type { Engine } from "../engines/engine.ts";

export interface Datum {
  /** Inputs, length T. */
  readonly tokens: readonly TokenId[];
  /** Targets, length T. */
  readonly targets: readonly TokenId[];
  /** Loss weights of the targets, length T; 0 masks a target. Losses are sums, not means: weights include every normaliser. */
  readonly weights: readonly number[];
  /** Log-probabilities under the policy model that sampled, length T. Only reinforcement learning has them. */
  readonly logprobs?: readonly number[];
  /** Advantages, length T. Only reinforcement learning has them. */
  readonly advantages?: readonly number[];
}

/** `cross_entropy`: loss = -sum(weights * logprob). Callers turn other losses into weights, with log-probabilities from `forward`. */
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
  /** Log-probabilities of the targets (nats), in the order and with the lengths of the data. Of targets of weight 0 they may be NaN. */
  readonly logprobs: readonly Float32Array[];
  /** -sum(weights * logprob). */
  readonly lossSum: number;
  readonly weightSum: number;
}

export interface OptimResult {
  /** Global norm before clipping. */
  readonly gradientNorm: number;
}

/** Fixed weights, such as those of a reference policy. */
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
  /** Opens an engine with the current weights, for rollouts. The caller closes it; later updates do not reach it. */
  sampler(): Promise<Engine>;
  /** Saves weights, moments and step count. After `load`, training continues as if it had never stopped. */
  save(folder: string): Promise<void>;
  load(folder: string): Promise<void>;
  /** Opens the weights that `save` wrote to `folder`, beside those that are trained. Absent in trainers that cannot. */
  reference?(folder: string): Promise<Reference>;
  /** Writes a Hugging Face folder (safetensors, config.json, tokenizer files) and a GGUF of the same weights. */
  export(folder: string): Promise<void>;
  /**
   * Set once the policy model is gone from where it is sampled and trained: whatever was made since is useless. Absent where that cannot
   * happen.
   */
  readonly lost?: Error | undefined;
  close(): Promise<void>;
}
