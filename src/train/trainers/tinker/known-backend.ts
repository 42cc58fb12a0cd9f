/**
 * Checks that a server is of the backend that was named. A wrong name would silently train garbage, because one backend sums what another
 * averages.
 */
import { TrainError } from "../../../core/errors.ts";
import type { Datum } from "../../trainer.ts";
import { BACKEND_FACTS, BACKENDS, type BackendName } from "./backends.ts";

const LOSS = "elementwise_loss";
const PROBE_TOKENS = 8;

/**
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
