/** The kinds of trainers there are. Recipes choose one here and see nothing of it but its contract, `trainer-kind.ts`. */
import { ConfigError } from "../../core/errors.ts";
import type { ChosenTrainer, TrainerKind } from "../trainer-kind.ts";
import { embedded } from "./embedded/index.ts";
import { tinker } from "./tinker/index.ts";

const TRAINERS: readonly TrainerKind[] = [
  // In the order in which help lists them.
  embedded,
  tinker,
];

/** How `--trainer` is written, for help and error messages. */
export const TRAINER_USAGE = TRAINERS.map(({ usage }) => usage).join(", or ");

/**
 * Reads `--trainer`: a kind's name and, after a colon, its parameters.
 * @throws ConfigError that says what is wrong and how it is written.
 */
export function chooseTrainer(text: string): ChosenTrainer {
  const refuse = (what: string): never => {
    throw new ConfigError(
      `the trainer ${JSON.stringify(text)} cannot be used: ${what}; it is ${TRAINER_USAGE}.`,
      { code: "config-invalid" },
    );
  };
  const colon = text.indexOf(":");
  const name = colon < 0 ? text : text.slice(0, colon);
  const kind = TRAINERS.find((one) => one.name === name) ?? refuse("there is no such trainer");
  return kind.parse(colon < 0 ? undefined : text.slice(colon + 1), refuse);
}
