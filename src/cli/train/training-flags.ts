/** Shared by the training commands: their flags, and the error of a run that was stopped. */
import type { Option } from "commander";

import { SplitReasonError } from "../../core/errors.ts";
import { TRAINER_USAGE } from "../../train/trainers/registry.ts";
import { filledText, flag, realNumber, wholeNumber } from "../support/flags.ts";

import type { TagPair } from "../../tags/index.ts";

export interface TrainingFlags {
  readonly config?: string;
  readonly data?: string;
  readonly model?: string;
  readonly out: string;
  readonly steps?: number;
  readonly learningRate?: number;
  readonly seed?: number;
  readonly threads?: number;
  readonly trainer?: string;
  readonly tags?: TagPair;
  readonly json?: boolean;
}

export const configFlag = (help = "a JSON file with the settings that flags give, and more"): Option =>
  flag("--config <file>", help, filledText);
export const dataFlag = (value: string, help: string): Option => flag(`--data <${value}>`, help, filledText);
export const modelFlag = (help: string): Option => flag("--model <folder>", help, filledText);
export const stepsFlag = (help: string): Option => flag("--steps <n>", help, wholeNumber(1));
export const learningRateFlag = (): Option =>
  flag("--learning-rate <rate>", "learning rate after the warm-up", realNumber(0, 1));
export const trainerFlag = (): Option => flag("--trainer <spec>", TRAINER_USAGE, filledText);
/** The folder of the run; required. */
export const outFlag = (help: string): Option => flag("--out <dir>", help, filledText).makeOptionMandatory();

export const stoppedAt = (step: number, steps: number, out: string): SplitReasonError =>
  new SplitReasonError(
    `stopped at step ${step} of ${steps}; the same command continues from there (${out}).`,
    {
      code: "aborted",
    },
  );
