/**
 * The contract of a kind of trainer: how `--trainer` names it, what it needs of a model's folder, and how it is opened. A kind is one file in
 * `trainers/` (or a folder with an index.ts) and its line in `trainers/registry.ts`. The file is light, because help texts load it: it imports the
 * trainer itself when a run begins.
 */
import type { Turns } from "../engines/turns.ts";
import type { LoraConfig } from "./model/lora-config.ts";
import type { StartingModel } from "./starting-model.ts";
import type { Trainer } from "./trainer.ts";

export interface TrainerKind {
  /** The word before the colon in `--trainer`. */
  readonly name: string;
  /** How `--trainer` is written for this kind, for help and error messages. */
  readonly usage: string;
  /**
   * Reads the rest of `--trainer`. Asks no server and opens no file.
   * @param parameters The text after the colon; undefined without a colon.
   * @param refuse Throws a ConfigError that says what is wrong.
   */
  parse(parameters: string | undefined, refuse: (what: string) => never): ChosenTrainer;
}

/** The trainer that `--trainer` asks for. */
export interface ChosenTrainer {
  /** How often a run may start again from its checkpoint after the trainer lost the model. 0 where that cannot happen. */
  readonly maxRestarts: number;
  /** Reads a Hugging Face folder: weights too where they are trained here. @throws DataError when it cannot be trained. */
  readModel(folder: string): Promise<StartingModel>;
  /** The caller closes the trainer. */
  open(model: StartingModel, options: TrainerOptions): Promise<Trainer>;
}

export interface TrainerOptions {
  /** Name of the run; exports carry it. */
  readonly name: string;
  /** Seed of initial values: of random weights, or of a server's adapters. */
  readonly seed: number;
  readonly threads: number;
  /** Tokens of the longest document, and of a rollout's context. */
  readonly rowLength: number;
  /** Jinja source that exports carry. */
  readonly chatTemplate: string;
  /** An adapter is trained, over a base that stays as it is. Undefined: all weights are trained. */
  readonly lora?: LoraConfig;
  /** Rollouts in flight. Undefined for runs without rollouts. */
  readonly concurrency?: number;
  /** Shared with the big model of the rollouts, where both run in this process. */
  readonly turns?: Turns;
  /** Called with news for people, such as a server that does not answer. */
  readonly onNotice?: (text: string) => void;
  readonly signal?: AbortSignal;
}
