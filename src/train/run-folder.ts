/**
 * The files of a training run: `metrics.jsonl` (a header line, then a line for each record), the same numbers as TensorBoard's events,
 * `checkpoint-<step>/`, and `state.json`. The latter names the valid checkpoint and is replaced last, in one step. A kill at any moment
 * loses at most the steps after that checkpoint.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

import { AppendLog } from "../core/append-log.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import { digestOf } from "../core/digest.ts";
import { readDocument } from "../core/document.ts";
import { TrainError } from "../core/errors.ts";
import { ifExists, writeFileAtomic } from "../core/files.ts";
import { EventFile, scalarsOf } from "./tensorboard/event-file.ts";

const STATE_FILE = "state.json";
export const METRICS_FILE = "metrics.jsonl";

const stateSchema = z.object({ step: z.int().nonnegative(), checkpoint: z.string(), digest: z.string() });
type State = z.output<typeof stateSchema>;

export interface RunHeader {
  readonly config: unknown;
  /** The part of the config that must be equal to resume. Default: all of it. */
  readonly fixedConfig?: unknown;
  /** A run is resumed only with an equal identity, besides the config. */
  readonly identity: unknown;
  readonly provenance: unknown;
}

/** A line of the metrics. `type`: `step`, `evaluation`, ... */
export type LogRecord = { readonly type: string; readonly step: number } & Readonly<Record<string, unknown>>;

export class RunFolder {
  readonly #folder: string;
  #state: State;
  #records: readonly Readonly<Record<string, unknown>>[] = [];
  readonly #metrics: AppendLog;
  readonly #events: EventFile;
  readonly #clock: Clock;

  private constructor(folder: string, state: State, metrics: AppendLog, events: EventFile, clock: Clock) {
    this.#folder = folder;
    this.#state = state;
    this.#metrics = metrics;
    this.#events = events;
    this.#clock = clock;
  }

  /** Steps in the valid checkpoint; 0 when there is none. */
  get step(): number {
    return this.#state.step;
  }

  /** Name of the valid checkpoint's folder, within the run's. */
  get checkpoint(): string {
    return this.#state.checkpoint;
  }

  /** Records up to the valid checkpoint, without the header, as they were before this process continued the run. */
  get records(): readonly Readonly<Record<string, unknown>>[] {
    return this.#records;
  }

  /** Starts a run in `folder`, or continues the one that is there. @throws TrainError when that one was made with other settings. */
  static async open(folder: string, header: RunHeader, clock = systemClock): Promise<RunFolder> {
    const { config, fixedConfig = config, identity, provenance } = header;
    const digest = digestOf({ config: fixedConfig, identity });
    const found = await readState(folder);
    const lines: string[] = [];
    const metrics = await AppendLog.open(join(folder, METRICS_FILE), ({ text }) => lines.push(text));
    const [headerLine = "", ...recordLines] = lines;
    // A run that was stopped before its first checkpoint has records too, and they were made with its settings.
    const recorded = found?.digest ?? (recordLines.length === 0 ? undefined : digestIn(headerLine));
    if (recorded !== undefined && recorded !== digest) {
      throw new TrainError(
        `${folder} holds a run with another configuration (digest ${recorded}, now ${digest}). Give another --out, delete it, or restore its configuration.`,
        { code: "train-invalid" },
      );
    }
    const state = found ?? { step: 0, checkpoint: "", digest };
    const events = await EventFile.open(folder, state.step, wallTimeS(clock));
    const run = new RunFolder(folder, state, metrics, events, clock);
    await run.#rewindMetrics({ type: "header", digest, config, identity, provenance }, recordLines);
    return run;
  }

  async log(record: LogRecord): Promise<void> {
    this.#metrics.append(record);
    const { type, ...values } = record;
    const scalars = scalarsOf(values, type === "step" ? "train" : type);
    await this.#events.log(wallTimeS(this.#clock), record.step, scalars);
  }

  /** Makes the folder that `write` fills the valid checkpoint, and deletes the one before. */
  async save(step: number, write: (folder: string) => Promise<void>): Promise<void> {
    const before = this.#state;
    if (before.step === step) return;
    const checkpoint = `checkpoint-${step}`;
    await write(join(this.#folder, checkpoint));
    this.#state = { ...before, step, checkpoint };
    await writeFileAtomic(join(this.#folder, STATE_FILE), `${JSON.stringify(this.#state)}\n`);
    if (before.checkpoint !== "")
      await rm(join(this.#folder, before.checkpoint), { recursive: true, force: true });
  }

  /** Drops records of steps that are run again. */
  async #rewindMetrics(header: Readonly<Record<string, unknown>>, lines: readonly string[]): Promise<void> {
    const kept = lines.filter((line) => {
      const record = recordSchema.safeParse(parseJson(line));
      return record.success && record.data.step <= this.#state.step;
    });
    this.#records = kept.map((line) => recordSchema.parse(parseJson(line)));
    await this.#metrics.replace([JSON.stringify(header), ...kept]);
  }
}

const wallTimeS = (clock: Clock): number => Date.parse(clock.isoNow()) / 1000;

const recordSchema = z.looseObject({ step: z.number() });
const headerSchema = z.looseObject({ digest: z.string() });

const digestIn = (headerLine: string): string | undefined =>
  headerSchema.safeParse(parseJson(headerLine)).data?.digest;

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}

const readState = (folder: string): Promise<State | undefined> =>
  ifExists(
    readDocument(join(folder, STATE_FILE), stateSchema, {
      source: "training",
      advice: "It holds the state of a training run: delete the folder or give another --out.",
    }),
  );
