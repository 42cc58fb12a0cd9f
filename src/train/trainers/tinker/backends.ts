/** What kinds of servers speak the protocol, and in what they differ. Read from SkyRL 0.4.0; `test/skyrl` checks `jax` against a real one. */

export const BACKENDS = ["fsdp", "megatron", "jax", "hosted"] as const;
export type BackendName = (typeof BACKENDS)[number];

export interface BackendFacts {
  /**
   * `sum`: gradients are sums over targets, as the protocol says. `mean`: each datum's loss is divided by the sum of its weights and the
   * gradient by the number of datums, so that weights cannot say what they should; `reduction.ts` makes sums of it.
   */
  readonly reduction: "sum" | "mean";
  /**
   * `any`: a target may be any token. `next`: all targets but the last are taken to be the next input, whatever is sent; `targets.ts` sends
   * the others as the last target of a datum of their own.
   */
  readonly targets: "any" | "next";
  /** Of {@link AdamParameters}, what a step's request changes; the rest is the server's own configuration. */
  readonly adamPerStep: "learning-rate" | "all-but-clip";
  /** Whether one server holds several models at once. If not, one is unloaded before the next is made. */
  readonly severalModels: boolean;
  /**
   * Whether forward passes tell the loss of each token too, by which a server is known: SkyRL's jax backend does, its other two do not.
   * Undefined where nobody has looked.
   */
  readonly forwardTellsLoss: boolean | undefined;
  /**
   * Under what name the server's own vLLM has a policy with adapters. `model-id`: they are registered under the model's id, beside the base
   * model. `either`: so, or put into the base model's weights, as `merge_lora` says there. `none`: it has no vLLM of its own.
   */
  readonly servedAs: "model-id" | "either" | "none";
}

export const BACKEND_FACTS: Readonly<Record<BackendName, BackendFacts>> = {
  fsdp: {
    reduction: "sum",
    targets: "next",
    adamPerStep: "learning-rate",
    severalModels: false,
    forwardTellsLoss: false,
    servedAs: "model-id",
  },
  megatron: {
    reduction: "sum",
    targets: "next",
    adamPerStep: "learning-rate",
    severalModels: false,
    forwardTellsLoss: false,
    servedAs: "either",
  },
  jax: {
    reduction: "mean",
    targets: "any",
    adamPerStep: "all-but-clip",
    severalModels: true,
    forwardTellsLoss: true,
    servedAs: "none",
  },
  hosted: {
    reduction: "sum",
    targets: "any",
    adamPerStep: "all-but-clip",
    severalModels: true,
    forwardTellsLoss: undefined,
    servedAs: "none",
  },
};
