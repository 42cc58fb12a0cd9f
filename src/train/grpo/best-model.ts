/**
 * The best policy model so far: its export, and beside it the evaluation that it was chosen by. The folder is replaced as a whole, before
 * the evaluation is logged. After a kill at any moment it holds one policy model and says which.
 */
import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";

import { z } from "zod";

import { readDocument } from "../../core/document.ts";
import { ifExists, writeFileAtomic } from "../../core/files.ts";

export interface GrpoEvaluation {
  readonly step: number;
  readonly scores: Readonly<Record<string, number>>;
  /** Held-out score. The export with the highest one is kept. */
  readonly score: number;
}

export const BEST_FOLDER = "best";
const EVALUATION_FILE = "evaluation.json";

const evaluationSchema = z.object({
  step: z.int().nonnegative(),
  scores: z.record(z.string(), z.number()),
  score: z.number(),
});

export class BestModel {
  readonly #folder: string;
  #evaluation: GrpoEvaluation | undefined;

  private constructor(folder: string, evaluation: GrpoEvaluation | undefined) {
    this.#folder = folder;
    this.#evaluation = evaluation;
  }

  /** Finds what an earlier process of this run left. @throws TrainError when the evaluation cannot be read. */
  static async open(runFolder: string): Promise<BestModel> {
    const folder = join(runFolder, BEST_FOLDER);
    // The process was killed between two renames: the folder that was to be replaced is whole.
    if (!existsSync(folder) && existsSync(replacedOf(folder))) await rename(replacedOf(folder), folder);
    const evaluation = await ifExists(
      readDocument(join(folder, EVALUATION_FILE), evaluationSchema, {
        source: "training",
        advice: "It holds the evaluation of the best policy so far: delete its folder.",
      }),
    );
    return new BestModel(folder, evaluation);
  }

  /** Undefined before the first evaluation. */
  get evaluation(): GrpoEvaluation | undefined {
    return this.#evaluation;
  }

  /** Exports the policy model with `write` and keeps it, if its score is the highest so far. */
  async offer(evaluation: GrpoEvaluation, write: (folder: string) => Promise<void>): Promise<void> {
    if (this.#evaluation !== undefined && evaluation.score <= this.#evaluation.score) return;
    const next = `${this.#folder}.next`;
    const replaced = replacedOf(this.#folder);
    await rm(next, { recursive: true, force: true });
    await write(next);
    await writeFileAtomic(join(next, EVALUATION_FILE), `${JSON.stringify(evaluation)}\n`);
    await rm(replaced, { recursive: true, force: true });
    if (existsSync(this.#folder)) await rename(this.#folder, replaced);
    await rename(next, this.#folder);
    await rm(replaced, { recursive: true, force: true });
    this.#evaluation = evaluation;
  }
}

const replacedOf = (folder: string): string => `${folder}.replaced`;
