/**
 * Trains a LoRA adapter inside the process, on the CPU. The base is frozen: only the adapter's matrices have gradients and moments. The same
 * seed, data, calls and number of threads give the same bytes.
 */
import { TrainError } from "../../../core/errors.ts";
import type { Engine } from "../../../engines/engine.ts";
import type { Adapter, AdapterOutlets } from "../../export/index.ts";
import { type AdapterPair, adapterPairs, type AdapterShape, initialAdapter } from "../../model/adapter.ts";
import type { DecoderConfig } from "../../model/config.ts";
import type { Weights } from "../../model/parameters.ts";
import type { BatchShape } from "../../model/decoder.ts";
import type {
  AdamParameters,
  Datum,
  ForwardResult,
  LossName,
  OptimResult,
  Reference,
  Trainer,
} from "../../trainer.ts";
import { AdaptedModel } from "./adapted-model.ts";
import { type AdamState, adamwStep, createAdamState, type UpdateRange } from "./adamw.ts";
import { type AdapterOwner, readAdapterCheckpoint, writeAdapterCheckpoint } from "./adapter-checkpoint.ts";
import { MicroBatch } from "./batch.ts";
import { divideRows, forwardResult, graphRows, usualRows } from "./micro-batches.ts";
import { packRows } from "./packing.ts";
import { Turns } from "./turns.ts";

export interface LoraTrainerOptions extends AdapterOutlets {
  readonly config: DecoderConfig;
  /** Weights of the base, by name. They are kept, not copied. */
  readonly weights: Weights;
  readonly adapter: AdapterShape;
  /** Fingerprint of the base. */
  readonly base: string;
  /** Values to start from, flat; or the seed of initial ones. */
  readonly start: Float32Array | { readonly seed: number };
  /** Threads inside an operator. Default: 1. */
  readonly threads?: number;
  /** T: tokens in a row, and so of the longest datum. */
  readonly rowLength: number;
  /** Most rows in a micro-batch. Default: about 1,024 tokens. */
  readonly rowsPerBatch?: number;
}

export class LoraTrainer implements Trainer {
  readonly #options: LoraTrainerOptions;
  readonly #owner: AdapterOwner;
  readonly #pairs: readonly AdapterPair[];
  readonly #ranges: readonly UpdateRange[];
  readonly #rowsPerBatch: number;
  readonly #values: Float32Array;
  readonly #gradients: Float32Array;
  #adam: AdamState;
  readonly #model: AdaptedModel;
  readonly #turns = new Turns();

  constructor(options: LoraTrainerOptions) {
    const { config, weights, adapter, base, start, threads = 1, rowLength } = options;
    this.#options = options;
    this.#owner = { adapter, base };
    this.#pairs = adapterPairs(config, adapter);
    this.#rowsPerBatch = options.rowsPerBatch ?? usualRows(rowLength);
    this.#values = start instanceof Float32Array ? start.slice() : initialAdapter(this.#pairs, start.seed);
    this.#ranges = [{ start: 0, end: this.#values.length, decayed: true }];
    this.#gradients = new Float32Array(this.#values.length);
    this.#adam = createAdamState(this.#values.length);
    if (rowLength > config.maxPositions) {
      throw new TrainError(
        `rowLength is ${rowLength}, but the model has ${config.maxPositions} positions (maxPositions).`,
        { code: "train-invalid" },
      );
    }
    const largest: BatchShape = { rows: this.#rowsPerBatch, length: rowLength };
    this.#model = new AdaptedModel({ config, weights, adapter, pairs: this.#pairs, threads, largest });
  }

  /** Updates made so far. */
  get step(): number {
    return this.#adam.step;
  }

  /** A copy of the adapter as it is now. */
  adapter(): Adapter {
    const { config, adapter, base } = this.#options;
    const values = this.#values.slice();
    const tensors = this.#pairs.flatMap(({ a, b }) =>
      [a, b].map(
        ({ name, shape, offset, size }) =>
          [name, { shape, data: values.subarray(offset, offset + size) }] as const,
      ),
    );
    return { config, shape: adapter, base, values: new Map(tensors) };
  }

  /** A copy of the gradients accumulated since the last {@link optimStep}, in the order of the adapter's values. */
  gradients(): Float32Array {
    return this.#gradients.slice();
  }

  forward(data: readonly Datum[]): Promise<ForwardResult> {
    return this.#turns.take(() => this.#run(data, this.#values, undefined));
  }

  forwardBackward(data: readonly Datum[], loss: LossName): Promise<ForwardResult> {
    loss satisfies "cross_entropy";
    return this.#turns.take(() => this.#run(data, this.#values, this.#gradients));
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
    return this.#turns.take(async () => ({
      ...(await this.#run(data, this.#values, this.#gradients)),
      ...this.#update(adam),
    }));
  }

  sampler(): Promise<Engine> {
    const { sampler } = this.#options;
    if (sampler === undefined) {
      return Promise.reject(
        new TrainError("this trainer was created without a sampler, so it makes no rollouts.", {
          code: "train-invalid",
        }),
      );
    }
    return this.#turns.take(() => sampler(this.adapter()));
  }

  save(folder: string): Promise<void> {
    return this.#turns.take(() =>
      writeAdapterCheckpoint(folder, this.#owner, { values: this.#values, adam: this.#adam }),
    );
  }

  /** Throws when the checkpoint is of another base or adapter. Accumulated gradients are dropped. */
  load(folder: string): Promise<void> {
    return this.#turns.take(async () => {
      const { values, adam } = await readAdapterCheckpoint(folder, this.#owner, this.#values.length);
      this.#values.set(values);
      this.#adam = adam;
      this.#gradients.fill(0);
    });
  }

  /** Takes only the memory of an adapter: the base is shared. */
  async reference(folder: string): Promise<Reference> {
    const { values } = await readAdapterCheckpoint(folder, this.#owner, this.#values.length);
    return {
      forward: (data) => this.#turns.take(() => this.#run(data, values, undefined)),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  /** Writes the adapter, in the forms that the run asks for. */
  export(folder: string): Promise<void> {
    return this.#turns.take(() => this.#options.exporter(folder, this.adapter()));
  }

  close(): Promise<void> {
    return this.#turns.close(() => this.#model.close());
  }

  #update(adam: AdamParameters): OptimResult {
    try {
      return { gradientNorm: adamwStep(this.#values, this.#gradients, this.#adam, this.#ranges, adam) };
    } finally {
      this.#gradients.fill(0);
    }
  }

  async #run(
    data: readonly Datum[],
    values: Float32Array,
    gradients: Float32Array | undefined,
  ): Promise<ForwardResult> {
    const { config, rowLength } = this.#options;
    const logprobs = data.map(() => new Float32Array(0));
    for (const rows of divideRows(packRows(data, rowLength), this.#rowsPerBatch, 1)) {
      const shape: BatchShape = { rows: graphRows(rows.length, this.#rowsPerBatch), length: rowLength };
      const batch = new MicroBatch(shape, rows, data, config.vocabularySize);
      batch.unpack(await this.#model.run(batch, shape, values, gradients), 1, logprobs);
    }
    return forwardResult(data, logprobs);
  }
}
