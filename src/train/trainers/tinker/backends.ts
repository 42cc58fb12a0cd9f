/**
 * The kinds of servers that speak the protocol, and their differences. Read from SkyRL 0.4.0; `test/skyrl` checks `jax` against a real
 * server.
 */
import { TrainError } from "../../../core/errors.ts";
import type { Datum } from "../../trainer.ts";

export const BACKENDS = ["fsdp", "megatron", "jax", "hosted"] as const;
export type BackendName = (typeof BACKENDS)[number];

export interface BackendFacts {
  /**
   * Scale of gradients. `sum`: sums over targets, as the protocol says. `mean`: each datum's loss is divided by the sum of its weights, and
   * the gradient by the number of datums. `reduction.ts` undoes that division.
   */
  readonly reduction: "sum" | "mean";
  /**
   * Possible targets. `any`: any token. `next`: the server takes all targets but the last to be the next input, whatever is sent.
   * `targets.ts` then sends each other target as the last one of a datum of its own.
   */
  readonly targets: "any" | "next";
  /** Optimiser settings that a step's request changes ({@link AdamParameters}). The server's configuration decides the rest. */
  readonly adamPerStep: "learning-rate" | "all-but-clip";
  /** Whether one server holds several models at once. If not, one is unloaded before the next is made. */
  readonly severalModels: boolean;
  /**
   * Whether forward passes also tell the loss of each token. It shows which backend answers: SkyRL's jax backend tells losses, its other
   * two do not. Undefined where nobody has looked.
   */
  readonly forwardTellsLoss: boolean | undefined;
  /**
   * Name of a policy model with adapters on the server's own vLLM. `model-id`: the model's id, beside the base model. `either`: that, or
   * merged into the base model, as `merge_lora` says there. `none`: the server has no vLLM of its own.
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

const LOSS = "elementwise_loss";
const PROBE_TOKENS = 8;

/**
 * Checks that a server is of the backend that was named. A wrong name would silently train garbage, because one backend sums what another
 * averages.
 * @param outputs Names of what a *forward* pass answered. In backward passes, all of SkyRL's backends tell losses.
 * @throws TrainError that names the backend to give.
 */
export function checkBackend(server: string, backend: BackendName, outputs: ReadonlySet<string>): void {
  const { forwardTellsLoss } = BACKEND_FACTS[backend];
  const tellsLoss = outputs.has(LOSS);
  if (forwardTellsLoss === undefined || forwardTellsLoss === tellsLoss) return;
  const fitting = BACKENDS.filter((name) => BACKEND_FACTS[name].forwardTellsLoss === tellsLoss);
  throw new TrainError(
    `the trainer server at ${server} does not answer as backend=${backend} does (its forward passes have ${tellsLoss ? "a" : "no"} loss for each token): ` +
      `give backend=${fitting.join(" or ")} in --trainer, as the server's --backend says. With the wrong one, gradients would be of any size.`,
    { code: "train-invalid" },
  );
}

/** The beginning of a datum, which is enough to see what an answer has. */
export const probeOf = ({ tokens, targets }: Datum): Pick<Datum, "tokens" | "targets"> => ({
  tokens: tokens.slice(0, PROBE_TOKENS),
  targets: targets.slice(0, PROBE_TOKENS),
});
