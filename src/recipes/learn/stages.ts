/**
 * The stages of a recipe, one after the other. A stage that is done is not done again. `learn.json` in the work folder says which are, what they
 * gave, and how long each took over all sittings. What a stage has done so far is its own matter: each of them continues.
 */
import { join } from "node:path";

import { z } from "zod";

import type { Clock } from "../../core/clock.ts";
import { digestOf } from "../../core/digest.ts";
import { readDocument } from "../../core/document.ts";
import { ConfigError, SplitReasonError } from "../../core/errors.ts";
import { ifExists, writeFileAtomic } from "../../core/files.ts";

const STATE_FILE = "learn.json";
/** The time of a killed process is lost from the last of these marks on. */
const MARK_EVERY_MS = 60_000;

const figuresSchema = z.record(z.string(), z.union([z.string(), z.number(), z.null()]));

const stateSchema = z.object({
  format: z.literal("splitreason-learn-1"),
  /** In the order in which they began. */
  stages: z.array(
    z.object({
      name: z.string(),
      /** Digest of the settings that the stage depends on. */
      settings: z.string(),
      /** Seconds of work, over all sittings. */
      seconds: z.number().nonnegative(),
      /** Absent until the stage is done. */
      figures: figuresSchema.optional(),
    }),
  ),
});

type StageState = z.infer<typeof stateSchema>["stages"][number];
/** Results of a stage, for people and programs. */
export type StageFigures = z.infer<typeof figuresSchema>;
export interface DoneStage {
  readonly name: string;
  readonly seconds: number;
  readonly figures: StageFigures;
}

export interface StageHooks {
  readonly clock: Clock;
  /** Called when a stage begins or continues, and for one that was done before (`done`). */
  readonly onStage?: (name: string, state: "begins" | "continues" | "done") => void;
}

export class Stages {
  readonly #folder: string;
  readonly #hooks: StageHooks;
  readonly #stages: StageState[];

  private constructor(folder: string, hooks: StageHooks, stages: StageState[]) {
    this.#folder = folder;
    this.#hooks = hooks;
    this.#stages = stages;
  }

  /** @throws DataError when the state of an earlier sitting cannot be read. */
  static async open(folder: string, hooks: StageHooks): Promise<Stages> {
    const path = join(folder, STATE_FILE);
    const state = await ifExists(
      readDocument(path, stateSchema, {
        source: "file",
        advice: "It says which stages are done; delete it to go through all of them again.",
      }),
    );
    return new Stages(folder, hooks, state?.stages ?? []);
  }

  get done(): readonly DoneStage[] {
    return this.#stages.flatMap(({ name, seconds, figures }) =>
      figures === undefined ? [] : [{ name, seconds, figures }],
    );
  }

  /**
   * Runs a stage, unless it is done.
   * @param settings What its result depends on, the stages before it left out.
   * @param work Resolves to undefined when it was stopped.
   * @throws ConfigError when it was begun with other settings; SplitReasonError `aborted` when it was stopped.
   */
  async run(
    name: string,
    settings: unknown,
    work: () => Promise<StageFigures | undefined>,
  ): Promise<StageFigures> {
    const { clock, onStage } = this.#hooks;
    const digest = digestOf(settings);
    let stage = this.#stages.find((known) => known.name === name);
    if (stage !== undefined && stage.settings !== digest) {
      throw new ConfigError(
        `the stage ${name} in ${this.#folder} was begun with other settings; give those, or another folder.`,
        { code: "config-invalid" },
      );
    }
    if (stage?.figures !== undefined) {
      onStage?.(name, "done");
      return stage.figures;
    }
    onStage?.(name, stage === undefined ? "begins" : "continues");
    if (stage === undefined) {
      stage = { name, settings: digest, seconds: 0 };
      this.#stages.push(stage);
    }
    const current = stage;
    let markMs = clock.nowMs();
    const mark = async (): Promise<void> => {
      const nowMs = clock.nowMs();
      current.seconds += (nowMs - markMs) / 1000;
      markMs = nowMs;
      await this.#save();
    };
    await mark();
    let marking = Promise.resolve();
    // A mark that cannot be written is told by the last one.
    const timer = setInterval(() => {
      marking = marking.then(mark).catch(() => {});
    }, MARK_EVERY_MS);
    let figures: StageFigures | undefined;
    try {
      figures = await work();
      if (figures !== undefined) current.figures = figures;
    } finally {
      clearInterval(timer);
      await marking;
      await mark();
    }
    if (figures !== undefined) return figures;
    throw new SplitReasonError(`stopped in the stage ${name}; the same command continues it.`, {
      code: "aborted",
    });
  }

  async #save(): Promise<void> {
    const state = { format: "splitreason-learn-1", stages: this.#stages };
    await writeFileAtomic(join(this.#folder, STATE_FILE), `${JSON.stringify(state, null, 2)}\n`);
  }
}
