/**
 * A lane runs micro-batches one after another on one thread. Several lanes share the micro-batches of a step. Single-threaded operators,
 * each on its own data, scale better than operators that split small matrices between threads.
 */
import * as onnxruntime from "onnxruntime-node";

import { sessionOptions } from "../../tensor/session.ts";
import { executeProgram, type Feeds, type Program } from "./program.ts";

export interface Lane {
  /**
   * Runs a program and adds to this lane's gradients. `program` is called only at the first run of its `key`. Calls run in the order in
   * which they were made.
   */
  run(key: string, program: () => Program, feeds: Feeds): Promise<Float32Array>;
  /** Tells the lane that the weights have changed. */
  weightsChanged(): void;
  /** Adds this lane's gradients to `total` and clears them. Not while a run is under way. */
  collectGradients(total: Float32Array): void;
  close(): Promise<void>;
}

/** The lane in this thread; it adds its gradients to `gradients` at once. */
export class LocalLane implements Lane {
  readonly #weights: Float32Array;
  readonly #gradients: Float32Array;
  readonly #programs = new Map<
    string,
    Promise<{ program: Program; session: onnxruntime.InferenceSession }>
  >();

  constructor(weights: Float32Array, gradients: Float32Array) {
    this.#weights = weights;
    this.#gradients = gradients;
  }

  async run(key: string, make: () => Program, feeds: Feeds): Promise<Float32Array> {
    const { program, session } = await this.prepare(key, make);
    return executeProgram(onnxruntime, session, program, feeds, this.#weights, this.#gradients);
  }

  /** Compiles a program before its first run. */
  prepare(
    key: string,
    make: () => Program,
  ): Promise<{ program: Program; session: onnxruntime.InferenceSession }> {
    const known = this.#programs.get(key);
    if (known) return known;
    const program = make();
    const compiled = onnxruntime.InferenceSession.create(program.model, sessionOptions(1)).then(
      (session) => ({
        program,
        session,
      }),
    );
    this.#programs.set(key, compiled);
    return compiled;
  }

  weightsChanged(): void {
    // The lane reads the weights in place.
  }

  collectGradients(): void {
    // The gradients are in the total already.
  }

  async close(): Promise<void> {
    for (const compiled of await Promise.allSettled(this.#programs.values())) {
      if (compiled.status === "fulfilled") await compiled.value.session.release();
    }
    this.#programs.clear();
  }
}
