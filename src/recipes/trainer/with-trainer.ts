/** A run and its trainer: opened, lent to the run, closed; and what happens when a trainer loses the model in the middle. */
import { errorMessage, SplitReasonError, TrainError } from "../../core/errors.ts";
import type { StartingModel } from "../../train/starting-model.ts";
import type { Trainer } from "../../train/trainer.ts";
import type { ChosenTrainer, TrainerOptions } from "../../train/trainer-kind.ts";

/**
 * Calls `run` with a trainer and closes the trainer afterwards. If the trainer lost the model, `run` is called again with a new one: the run folder
 * makes it continue from the last checkpoint.
 */
export async function withTrainer<Outcome>(
  chosen: ChosenTrainer,
  model: StartingModel,
  options: TrainerOptions,
  run: (trainer: Trainer) => Promise<Outcome>,
): Promise<Outcome> {
  for (let losses = 0; ; losses++) {
    const trainer = await chosen.open(model, options);
    try {
      return await run(trainer);
    } catch (error) {
      const lost = error instanceof TrainError && error.code === "trainer-lost" ? error : trainer.lost;
      if (lost === undefined || losses >= chosen.maxRestarts || isStopped(error)) throw error;
      options.onNotice?.(errorMessage(lost));
    } finally {
      await trainer.close();
    }
  }
}

const isStopped = (error: unknown): boolean => error instanceof SplitReasonError && error.code === "aborted";
