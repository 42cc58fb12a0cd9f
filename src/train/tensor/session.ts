/** Runs a built graph with onnxruntime on the CPU. */
import { InferenceSession, Tensor } from "onnxruntime-node";

import { errorMessage, TrainError } from "../../core/errors.ts";
import type { GraphBuilder, Value } from "./graph.ts";

export type TensorData = Float32Array | BigInt64Array;

export interface GraphSessionOptions {
  /** Threads inside one operator. */
  readonly threads: number;
}

export function sessionOptions(threads: number): InferenceSession.SessionOptions {
  return {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    logSeverityLevel: 3,
    // Idle threads sleep: spinning gains little here and takes the core from whoever else needs it.
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  };
}

export class GraphSession {
  readonly #session: InferenceSession;
  readonly #inputs: readonly Value[];
  readonly #outputs: readonly Value[];

  private constructor(session: InferenceSession, graph: GraphBuilder) {
    this.#session = session;
    this.#inputs = [...graph.inputs];
    this.#outputs = [...graph.outputs];
  }

  static async create(graph: GraphBuilder, options: GraphSessionOptions): Promise<GraphSession> {
    try {
      const session = await InferenceSession.create(graph.build(), sessionOptions(options.threads));
      return new GraphSession(session, graph);
    } catch (error) {
      throw new TrainError(`onnxruntime refused the training graph: ${errorMessage(error)}`, {
        code: "internal",
        cause: error,
      });
    }
  }

  /**
   * Feeds every input by name (read in place, not copied) and returns the float outputs by name.
   * @param into Arrays that outputs are written to, by name. Without one, an output gets a new array.
   */
  async run(
    feeds: ReadonlyMap<string, TensorData>,
    into: ReadonlyMap<string, Float32Array> = new Map(),
  ): Promise<Map<string, Float32Array>> {
    const tensors: Record<string, Tensor> = {};
    for (const { name, type, shape } of this.#inputs) {
      const data = feeds.get(name);
      if (!data)
        throw new TrainError(`no value was given for the graph's input ${name}.`, { code: "internal" });
      tensors[name] = new Tensor(type, data, shape);
    }
    const fetches = Object.fromEntries(
      this.#outputs.map(({ name, shape }) => {
        const data = into.get(name);
        return [name, data === undefined ? null : new Tensor("float32", data, shape)];
      }),
    );
    const results = await this.#session.run(tensors, fetches);
    const outputs = new Map<string, Float32Array>();
    for (const { name } of this.#outputs) {
      const data = results[name]?.data;
      if (!(data instanceof Float32Array)) {
        throw new TrainError(`the graph's output ${name} is not a float tensor.`, { code: "internal" });
      }
      outputs.set(name, data);
    }
    return outputs;
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}
