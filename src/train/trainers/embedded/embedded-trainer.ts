/**
 * The trainer that runs inside the process, on the CPU: forward and backward in one onnxruntime graph, and AdamW on flat buffers. Threads
 * share the micro-batches of a step. The same seed, data, calls and number of threads give the same bytes.
 */
import { TrainError } from "../../../core/errors.ts";
import type { Engine } from "../../../engines/engine.ts";
import type { Exporter, SamplerFactory } from "../../export/index.ts";
import { parseDecoderConfig, type DecoderConfig, type DecoderConfigInput } from "../../model/config.ts";
import {
  flattenWeights,
  initialWeights,
  type ParameterSpec,
  parameterSpecs,
  type Weights,
} from "../../model/parameters.ts";
import {
  type BatchShape,
  buildGradientGraph,
  buildLogitsGraph,
  buildScoreGraph,
  LOGITS,
} from "../../model/decoder.ts";
import { GraphSession, type TensorData } from "../../tensor/session.ts";
import type {
  AdamParameters,
  Datum,
  ForwardResult,
  LossName,
  OptimResult,
  Reference,
  Trainer,
} from "../../trainer.ts";
import { type AdamState, adamwStep, createAdamState, type UpdateRange } from "./adamw.ts";
import { MicroBatch } from "./batch.ts";
import { type Checkpoint, readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import { type Lane, LocalLane } from "./lane.ts";
import { divideRows, forwardResult, graphRows, usualRows } from "./micro-batches.ts";
import { packRows } from "./packing.ts";
import { createProgram, type Program } from "./program.ts";
import { Turns } from "./turns.ts";
import { WorkerLane } from "./worker-lane.ts";

export interface EmbeddedTrainerOptions {
  readonly config: DecoderConfigInput;
  /** Seed of random initial weights. Either this or `weights` is given. */
  readonly seed?: number;
  /** Initial weights, by name. */
  readonly weights?: Weights;
  /** Micro-batches that run at once, each on its own thread. Default: 1. */
  readonly threads?: number;
  /** T: tokens in a row, and so of the longest datum. Default: 256, or the model's maxPositions if that is less. */
  readonly rowLength?: number;
  /**
   * Most rows in a micro-batch; more data takes several. Default: about 1,024 tokens, so that what passes between operators stays in the
   * processor's caches. Larger micro-batches are slower.
   */
  readonly rowsPerBatch?: number;
  /** Writes the model for other programs; `export` calls it. */
  readonly exporter?: Exporter;
  /** Opens the model for rollouts; `sampler` calls it. */
  readonly sampler?: SamplerFactory;
}

type Purpose = "gradients" | "scores";

export class EmbeddedTrainer implements Trainer {
  readonly config: DecoderConfig;
  readonly rowLength: number;
  readonly #rowsPerBatch: number;
  readonly #exporter: Exporter | undefined;
  readonly #sampler: SamplerFactory | undefined;
  readonly #specs: ReadonlyMap<string, ParameterSpec>;
  readonly #ranges: readonly UpdateRange[];
  readonly #flat: Float32Array;
  readonly #gradients: Float32Array;
  /** The trainer's weights, while those of a reference are in their place. */
  #parked: Float32Array | undefined;
  #adam: AdamState;
  readonly #localLane: LocalLane;
  readonly #lanes: readonly Lane[];
  #logitsSession: Promise<GraphSession> | undefined;
  readonly #turns = new Turns();

  private constructor(options: EmbeddedTrainerOptions) {
    this.config = parseDecoderConfig(options.config);
    this.rowLength = options.rowLength ?? Math.min(256, this.config.maxPositions);
    this.#rowsPerBatch = options.rowsPerBatch ?? usualRows(this.rowLength);
    this.#exporter = options.exporter;
    this.#sampler = options.sampler;
    if (this.rowLength > this.config.maxPositions) {
      throw new TrainError(
        `rowLength is ${this.rowLength}, but the model has ${this.config.maxPositions} positions (maxPositions).`,
        { code: "train-invalid" },
      );
    }
    if ((options.seed === undefined) === (options.weights === undefined)) {
      throw new TrainError("EmbeddedTrainer needs either a seed or weights.", { code: "train-invalid" });
    }
    const { threads = 1 } = options;
    for (const [name, value] of Object.entries({
      threads,
      rowLength: this.rowLength,
      rowsPerBatch: this.#rowsPerBatch,
    })) {
      if (!Number.isInteger(value) || value < 1) {
        throw new TrainError(`${name} is ${value}; it must be a whole number of at least 1.`, {
          code: "train-invalid",
        });
      }
    }
    const specs = parameterSpecs(this.config);
    this.#specs = new Map(specs.map((spec) => [spec.name, spec]));
    this.#ranges = specs.map(({ offset, size, shape }) => ({
      start: offset,
      end: offset + size,
      decayed: shape.length > 1,
    }));
    this.#flat = options.weights
      ? flattenWeights(this.config, options.weights)
      : initialWeights(this.config, options.seed ?? 0);
    this.#gradients = new Float32Array(this.#flat.length);
    this.#adam = createAdamState(this.#flat.length);
    this.#localLane = new LocalLane(this.#flat, this.#gradients);
    const workers = Array.from({ length: threads - 1 }, () => new WorkerLane(this.#flat));
    this.#lanes = [this.#localLane, ...workers];
  }

  /** Compiles the main graph, so that a model that cannot run fails here. */
  static async create(options: EmbeddedTrainerOptions): Promise<EmbeddedTrainer> {
    const trainer = new EmbeddedTrainer(options);
    const rows = trainer.#rowsPerBatch;
    await trainer.#localLane.prepare(`gradients ${rows}`, () => trainer.#createProgram("gradients", rows));
    return trainer;
  }

  /** Opens a trainer that continues from a folder written by {@link save}. */
  static async open(
    folder: string,
    options: Omit<EmbeddedTrainerOptions, "config" | "seed" | "weights"> = {},
  ): Promise<EmbeddedTrainer> {
    const checkpoint = await readCheckpoint(folder);
    const trainer = await EmbeddedTrainer.create({ ...options, config: checkpoint.config, seed: 0 });
    trainer.#restore(checkpoint);
    return trainer;
  }

  /** Updates made so far, over all runs of this model. */
  get step(): number {
    return this.#adam.step;
  }

  /** Copies of the parameters, by their Hugging Face names. */
  weights(): Map<string, { readonly shape: readonly number[]; readonly data: Float32Array }> {
    const flat = this.#parked ?? this.#flat;
    return new Map(
      [...this.#specs.values()].map(({ name, shape, offset, size }) => [
        name,
        { shape, data: flat.slice(offset, offset + size) },
      ]),
    );
  }

  /** Copies of the gradients accumulated since the last {@link optimStep}, by name. */
  gradients(): Map<string, Float32Array> {
    return new Map(
      [...this.#specs.values()].map(({ name, offset, size }) => [
        name,
        this.#gradients.slice(offset, offset + size),
      ]),
    );
  }

  forward(data: readonly Datum[]): Promise<ForwardResult> {
    return this.#turns.take(() => this.#runBatches(data, "scores"));
  }

  forwardBackward(data: readonly Datum[], loss: LossName): Promise<ForwardResult> {
    loss satisfies "cross_entropy";
    return this.#turns.take(() => this.#accumulate(data));
  }

  optimStep(adam: AdamParameters): Promise<OptimResult> {
    return this.#turns.take(() => Promise.resolve(this.#update(adam)));
  }

  trainStep(
    data: readonly Datum[],
    loss: LossName,
    adam: AdamParameters,
  ): Promise<ForwardResult & OptimResult> {
    loss satisfies "cross_entropy";
    return this.#turns.take(async () => ({ ...(await this.#accumulate(data)), ...this.#update(adam) }));
  }

  /** Logits of one sequence of T tokens, [T, vocabularySize], row-major. */
  logits(tokens: Datum["tokens"]): Promise<Float32Array> {
    return this.#turns.take(async () => {
      const shape: BatchShape = { rows: 1, length: this.rowLength };
      const datum: Datum = { tokens, targets: tokens, weights: tokens.map(() => 0) };
      const batch = new MicroBatch(
        shape,
        packRows([datum], this.rowLength),
        [datum],
        this.config.vocabularySize,
      );
      this.#logitsSession ??= GraphSession.create(buildLogitsGraph(this.config, shape), { threads: 1 });
      const session = await this.#logitsSession;
      const feeds = new Map<string, TensorData>(batch.feeds);
      for (const [name, { data }] of this.weights()) feeds.set(name, data);
      const outputs = await session.run(feeds);
      const results: Float32Array[] = [];
      batch.unpack(required(outputs, LOGITS), this.config.vocabularySize, results);
      return results[0] ?? new Float32Array(0);
    });
  }

  save(folder: string): Promise<void> {
    return this.#turns.take(() =>
      writeCheckpoint(folder, { config: this.config, weights: this.#flat, adam: this.#adam }),
    );
  }

  /** Throws when the checkpoint is of another model. Accumulated gradients are dropped. */
  load(folder: string): Promise<void> {
    return this.#turns.take(async () => {
      this.#restore(await this.#checkpointIn(folder));
      this.#gradients.fill(0);
    });
  }

  /** Takes only the memory of the weights: during a forward pass they replace the trainer's own. */
  async reference(folder: string): Promise<Reference> {
    const { weights } = await this.#checkpointIn(folder);
    return {
      forward: (data) =>
        this.#turns.take(() => this.#withWeights(weights, () => this.#runBatches(data, "scores"))),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  export(folder: string): Promise<void> {
    const exporter = this.#exporter;
    if (!exporter) {
      return Promise.reject(
        new TrainError("this trainer was created without an exporter, so it cannot export.", {
          code: "train-invalid",
        }),
      );
    }
    return this.#turns.take(() => exporter(folder, this.config, this.weights()));
  }

  sampler(): Promise<Engine> {
    const open = this.#sampler;
    if (!open) {
      return Promise.reject(
        new TrainError("this trainer was created without a sampler, so it makes no rollouts.", {
          code: "train-invalid",
        }),
      );
    }
    return this.#turns.take(() => open(this.config, this.weights()));
  }

  close(): Promise<void> {
    return this.#turns.close(async () => {
      for (const lane of this.#lanes) await lane.close();
      await (await this.#logitsSession)?.close();
      this.#logitsSession = undefined;
    });
  }

  async #accumulate(data: readonly Datum[]): Promise<ForwardResult> {
    try {
      return await this.#runBatches(data, "gradients");
    } finally {
      for (const lane of this.#lanes) lane.collectGradients(this.#gradients);
    }
  }

  #update(adam: AdamParameters): OptimResult {
    try {
      return { gradientNorm: adamwStep(this.#flat, this.#gradients, this.#adam, this.#ranges, adam) };
    } finally {
      // Also for a refused step: a value that is not finite would stay in every sum.
      this.#gradients.fill(0);
      for (const lane of this.#lanes) lane.weightsChanged();
    }
  }

  async #withWeights<T>(weights: Float32Array, work: () => Promise<T>): Promise<T> {
    const own = this.#flat.slice();
    const place = (values: Float32Array): void => {
      this.#flat.set(values);
      for (const lane of this.#lanes) lane.weightsChanged();
    };
    this.#parked = own;
    place(weights);
    try {
      return await work();
    } finally {
      place(own);
      this.#parked = undefined;
    }
  }

  async #checkpointIn(folder: string): Promise<Checkpoint> {
    const checkpoint = await readCheckpoint(folder);
    if (JSON.stringify(checkpoint.config) === JSON.stringify(this.config)) return checkpoint;
    throw new TrainError(
      `the checkpoint in ${folder} is of another model: ${JSON.stringify(checkpoint.config)}; this one is ${JSON.stringify(this.config)}.`,
      { code: "train-invalid" },
    );
  }

  #restore(checkpoint: Checkpoint): void {
    this.#flat.set(checkpoint.weights);
    this.#adam = checkpoint.adam;
    for (const lane of this.#lanes) lane.weightsChanged();
  }

  async #runBatches(data: readonly Datum[], purpose: Purpose): Promise<ForwardResult> {
    const logprobs = data.map(() => new Float32Array(0));
    const batches = divideRows(packRows(data, this.rowLength), this.#rowsPerBatch, this.#lanes.length);
    // Micro-batches of other threads start before the one of this thread, which blocks it.
    const runs = batches.map(async (rows, index) => {
      const lane = this.#lanes[(index + 1) % this.#lanes.length] ?? this.#localLane;
      const shape: BatchShape = { rows: graphRows(rows.length, this.#rowsPerBatch), length: this.rowLength };
      const batch = new MicroBatch(shape, rows, data, this.config.vocabularySize);
      const program = () => this.#createProgram(purpose, shape.rows);
      batch.unpack(await lane.run(`${purpose} ${shape.rows}`, program, batch.feeds), 1, logprobs);
    });
    const failed = (await Promise.allSettled(runs)).find((run) => run.status === "rejected");
    if (failed) throw failed.reason;
    return forwardResult(data, logprobs);
  }

  #createProgram(purpose: Purpose, rows: number): Program {
    const shape: BatchShape = { rows, length: this.rowLength };
    if (purpose === "scores") return createProgram(buildScoreGraph(this.config, shape), [], this.#specs);
    const { graph, gradients } = buildGradientGraph(this.config, shape);
    return createProgram(graph, gradients, this.#specs);
  }
}

function required<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new TrainError(`the trainer lost track of ${name}.`, { code: "internal" });
  return value;
}
