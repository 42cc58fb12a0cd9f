/**
 * The trainer that runs inside the process, on the CPU: forward and backward in one onnxruntime graph, AdamW here. Weights
 * stay in one flat buffer that the graph reads in place. The same seed, data and calls give the same bytes.
 */
import { TrainError } from "../../core/errors.ts";
import { parseQwen3Config, type Qwen3Config, type Qwen3ConfigInput } from "../model/config.ts";
import {
  flattenWeights,
  initialWeights,
  type ParameterSpec,
  parameterSpecs,
  type Weights,
} from "../model/parameters.ts";
import {
  type BatchShape,
  buildGradientGraph,
  buildLogitsGraph,
  buildScoreGraph,
  type GradientOutput,
  LOGITS,
  LOGPROBS,
} from "../model/qwen3.ts";
import { GraphSession, type TensorData } from "../tensor/session.ts";
import type { AdamParameters, Datum, ForwardResult, LossName, OptimResult, Trainer } from "../trainer.ts";
import { type AdamState, adamwStep, createAdamState, type UpdateRange } from "./adamw.ts";
import { MicroBatch } from "./batch.ts";
import { readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import { packRows } from "./packing.ts";

export interface EmbeddedTrainerOptions {
  readonly config: Qwen3ConfigInput;
  /** Initial values from this seed... */
  readonly seed?: number;
  /** ... or these, by name. One of the two is given. */
  readonly weights?: Weights;
  /** Threads inside one operator. Default 1. */
  readonly threads?: number;
  /** T: tokens in a row; the longest datum. Default 256, or the model's maxPositions if that is less. */
  readonly rowLength?: number;
  /**
   * Most rows run at once; more data is run in several micro-batches. Default: about 1,024 tokens, which keep what passes
   * between operators in the processor's caches; larger micro-batches are slower.
   */
  readonly rowsPerBatch?: number;
  /** Writes the model for other programs; `export` calls it. */
  readonly exporter?: Exporter;
}

export type Exporter = (folder: string, config: Qwen3Config, weights: Weights) => Promise<void>;

interface GradientSession {
  readonly session: GraphSession;
  readonly gradients: readonly GradientOutput[];
}

export class EmbeddedTrainer implements Trainer {
  readonly config: Qwen3Config;
  readonly rowLength: number;
  readonly #threads: number;
  readonly #rowsPerBatch: number;
  readonly #exporter: Exporter | undefined;
  readonly #specs: ReadonlyMap<string, ParameterSpec>;
  readonly #ranges: readonly UpdateRange[];
  readonly #flat: Float32Array;
  readonly #gradients: Float32Array;
  #adam: AdamState;
  readonly #parameterFeeds: ReadonlyMap<string, Float32Array>;
  readonly #gradientSessions = new Map<number, Promise<GradientSession>>();
  readonly #scoreSessions = new Map<number, Promise<GraphSession>>();
  #logitsSession: Promise<GraphSession> | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(options: EmbeddedTrainerOptions) {
    this.config = parseQwen3Config(options.config);
    this.rowLength = options.rowLength ?? Math.min(256, this.config.maxPositions);
    this.#threads = options.threads ?? 1;
    this.#rowsPerBatch = options.rowsPerBatch ?? Math.max(1, Math.floor(1024 / this.rowLength));
    this.#exporter = options.exporter;
    if (this.rowLength > this.config.maxPositions) {
      throw new TrainError(
        `rowLength is ${this.rowLength}, but the model has ${this.config.maxPositions} positions (maxPositions).`,
        { code: "train-invalid" },
      );
    }
    if ((options.seed === undefined) === (options.weights === undefined)) {
      throw new TrainError("EmbeddedTrainer needs either a seed or weights.", { code: "train-invalid" });
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
    this.#parameterFeeds = new Map(
      specs.map(({ name, offset, size }) => [name, this.#flat.subarray(offset, offset + size)]),
    );
  }

  /** Compiles the main graph, so that a model that cannot run fails here. */
  static async create(options: EmbeddedTrainerOptions): Promise<EmbeddedTrainer> {
    const trainer = new EmbeddedTrainer(options);
    await trainer.#gradientSession(trainer.#rowsPerBatch);
    return trainer;
  }

  /** A trainer that goes on from a folder written by {@link save}. */
  static async open(
    folder: string,
    options: Omit<EmbeddedTrainerOptions, "config" | "seed" | "weights"> = {},
  ): Promise<EmbeddedTrainer> {
    const checkpoint = await readCheckpoint(folder);
    const trainer = await EmbeddedTrainer.create({ ...options, config: checkpoint.config, seed: 0 });
    trainer.#flat.set(checkpoint.weights);
    trainer.#adam = checkpoint.adam;
    return trainer;
  }

  /** Updates made so far, over all runs of this model. */
  get step(): number {
    return this.#adam.step;
  }

  /** Copies of the parameters, by their Hugging Face names. */
  weights(): Map<string, { readonly shape: readonly number[]; readonly data: Float32Array }> {
    return new Map(
      [...this.#specs.values()].map(({ name, shape, offset, size }) => [
        name,
        { shape, data: this.#flat.slice(offset, offset + size) },
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
    return this.#exclusive(() =>
      this.#runBatches(data, async (rowCount, feeds) => {
        const session = await this.#scoreSession(rowCount);
        return session.run(feeds);
      }),
    );
  }

  forwardBackward(data: readonly Datum[], loss: LossName): Promise<ForwardResult> {
    loss satisfies "cross_entropy";
    return this.#exclusive(() => this.#accumulate(data));
  }

  optimStep(adam: AdamParameters): Promise<OptimResult> {
    return this.#exclusive(() => Promise.resolve(this.#update(adam)));
  }

  trainStep(
    data: readonly Datum[],
    loss: LossName,
    adam: AdamParameters,
  ): Promise<ForwardResult & OptimResult> {
    loss satisfies "cross_entropy";
    return this.#exclusive(async () => ({ ...(await this.#accumulate(data)), ...this.#update(adam) }));
  }

  /** Logits of one sequence of T tokens, [T, vocabularySize], row-major. */
  logits(tokens: Datum["tokens"]): Promise<Float32Array> {
    return this.#exclusive(async () => {
      const shape: BatchShape = { rows: 1, length: this.rowLength };
      const datum: Datum = { tokens, targets: tokens, weights: tokens.map(() => 0) };
      const batch = new MicroBatch(
        shape,
        packRows([datum], this.rowLength),
        [datum],
        this.config.vocabularySize,
      );
      this.#logitsSession ??= GraphSession.create(buildLogitsGraph(this.config, shape), {
        threads: this.#threads,
      });
      const session = await this.#logitsSession;
      const outputs = await session.run(
        new Map<string, TensorData>([...this.#parameterFeeds, ...batch.feeds]),
      );
      const results: Float32Array[] = [];
      batch.unpack(required(outputs, LOGITS), this.config.vocabularySize, results);
      return results[0] ?? new Float32Array(0);
    });
  }

  save(folder: string): Promise<void> {
    return this.#exclusive(() =>
      writeCheckpoint(folder, { config: this.config, weights: this.#flat, adam: this.#adam }),
    );
  }

  /** Throws when the checkpoint is of another model. Accumulated gradients are dropped. */
  load(folder: string): Promise<void> {
    return this.#exclusive(async () => {
      const checkpoint = await readCheckpoint(folder);
      if (JSON.stringify(checkpoint.config) !== JSON.stringify(this.config)) {
        throw new TrainError(
          `the checkpoint in ${folder} is of another model: ${JSON.stringify(checkpoint.config)}; this one is ${JSON.stringify(this.config)}.`,
          { code: "train-invalid" },
        );
      }
      this.#flat.set(checkpoint.weights);
      this.#adam = checkpoint.adam;
      this.#gradients.fill(0);
    });
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
    return this.#exclusive(() => exporter(folder, this.config, this.weights()));
  }

  close(): Promise<void> {
    return this.#exclusive(async () => {
      this.#closed = true;
      const gradientSessions = await Promise.all(this.#gradientSessions.values());
      const sessions = await Promise.all([
        ...this.#scoreSessions.values(),
        ...(this.#logitsSession ? [this.#logitsSession] : []),
      ]);
      this.#gradientSessions.clear();
      this.#scoreSessions.clear();
      this.#logitsSession = undefined;
      for (const session of [...sessions, ...gradientSessions.map((entry) => entry.session)])
        await session.close();
    });
  }

  async #accumulate(data: readonly Datum[]): Promise<ForwardResult> {
    return this.#runBatches(data, async (rowCount, feeds) => {
      const { session, gradients } = await this.#gradientSession(rowCount);
      const outputs = await session.run(feeds);
      for (const gradient of gradients) {
        const { offset, size, shape } = required(this.#specs, gradient.parameter);
        const target = this.#gradients.subarray(offset, offset + size);
        const values = required(outputs, gradient.output);
        if (gradient.kind === "dense") addTo(target, values);
        else addRows(target, shape[1] ?? 1, idWords(required(feeds, gradient.ids)), values);
      }
      return outputs;
    });
  }

  #update(adam: AdamParameters): OptimResult {
    try {
      return { gradientNorm: adamwStep(this.#flat, this.#gradients, this.#adam, this.#ranges, adam) };
    } finally {
      // Also when the step is refused: what is not finite would stay so in every sum.
      this.#gradients.fill(0);
    }
  }

  async #runBatches(
    data: readonly Datum[],
    run: (
      rowCount: number,
      feeds: ReadonlyMap<string, TensorData>,
    ) => Promise<ReadonlyMap<string, Float32Array>>,
  ): Promise<ForwardResult> {
    const logprobs = data.map(() => new Float32Array(0));
    const rows = packRows(data, this.rowLength);
    for (let start = 0; start < rows.length; start += this.#rowsPerBatch) {
      const chunk = rows.slice(start, start + this.#rowsPerBatch);
      const shape: BatchShape = { rows: this.#graphRows(chunk.length), length: this.rowLength };
      const batch = new MicroBatch(shape, chunk, data, this.config.vocabularySize);
      const outputs = await run(
        shape.rows,
        new Map<string, TensorData>([...this.#parameterFeeds, ...batch.feeds]),
      );
      batch.unpack(required(outputs, LOGPROBS), 1, logprobs);
    }
    let lossSum = 0;
    let weightSum = 0;
    for (const [index, { weights }] of data.entries()) {
      for (const [position, weight] of weights.entries()) {
        lossSum -= weight * (logprobs[index]?.[position] ?? 0);
        weightSum += weight;
      }
    }
    return { logprobs, lossSum, weightSum };
  }

  /** Graphs have fixed shapes; a last micro-batch that is not full runs in the next power of two. */
  #graphRows(rowCount: number): number {
    let rows = 1;
    while (rows < rowCount) rows *= 2;
    return Math.min(rows, this.#rowsPerBatch);
  }

  #gradientSession(rows: number): Promise<GradientSession> {
    return memoised(this.#gradientSessions, rows, async () => {
      const { graph, gradients } = buildGradientGraph(this.config, { rows, length: this.rowLength });
      return { session: await GraphSession.create(graph, { threads: this.#threads }), gradients };
    });
  }

  #scoreSession(rows: number): Promise<GraphSession> {
    return memoised(this.#scoreSessions, rows, () =>
      GraphSession.create(buildScoreGraph(this.config, { rows, length: this.rowLength }), {
        threads: this.#threads,
      }),
    );
  }

  /** Calls run one after another, in the order in which they were made. */
  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(() => {
      if (this.#closed) throw new TrainError("the trainer is closed.", { code: "train-invalid" });
      return work();
    });
    this.#last = result.catch(() => undefined);
    return result;
  }
}

function memoised<Key, T>(cache: Map<Key, Promise<T>>, key: Key, make: () => Promise<T>): Promise<T> {
  const known = cache.get(key);
  if (known) return known;
  const made = make();
  cache.set(key, made);
  return made;
}

function required<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new TrainError(`the trainer lost track of ${name}.`, { code: "internal" });
  return value;
}

/** The low halves of small int64 numbers. */
function idWords(ids: TensorData): Int32Array {
  return new Int32Array(ids.buffer, ids.byteOffset, ids.byteLength / 4);
}

function addTo(target: Float32Array, values: Float32Array): void {
  for (let index = 0; index < target.length; index++) {
    target[index] = (target[index] as number) + (values[index] as number);
  }
}

/** Adds row n of `rows` to row ids[n] of `target`, in the order of n. */
function addRows(target: Float32Array, width: number, ids: Int32Array, rows: Float32Array): void {
  for (let row = 0, from = 0; from < rows.length; row++, from += width) {
    const to = (ids[2 * row] as number) * width;
    for (let column = 0; column < width; column++) {
      target[to + column] = (target[to + column] as number) + (rows[from + column] as number);
    }
  }
}
