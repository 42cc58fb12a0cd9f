/**
 * A lane in a worker thread. The worker is started from the text of functions in this project, not from a file. So it starts from
 * TypeScript sources (tests) as from compiled ones, and runs the code of the local lane. Weights and gradients cross in shared memory,
 * micro-batches and results as messages.
 */
// oxlint-disable unicorn/require-post-message-target-origin -- messages between threads have no origin
import { createRequire } from "node:module";
import type * as WorkerThreads from "node:worker_threads";
import { Worker } from "node:worker_threads";
import type * as Onnxruntime from "onnxruntime-node";

import { errorMessage, TrainError } from "../../../core/errors.ts";
import { sessionOptions } from "../../tensor/session.ts";
import type { Lane } from "./lane.ts";
import { executeProgram, type Feeds, type Program } from "./program.ts";

interface Job {
  readonly id: number;
  readonly key: string;
  /** The program, at the first run of its key. */
  readonly program: Program | undefined;
  readonly feeds: Feeds;
  /** Whether the weights in shared memory have changed. */
  readonly weightsChanged: boolean;
}

type Answer =
  | { readonly id: number; readonly result: Float32Array<ArrayBuffer> }
  | { readonly id: number; readonly error: string };

interface Waiting {
  readonly resolve: (result: Float32Array) => void;
  readonly reject: (error: TrainError) => void;
}

interface WorkerInput {
  readonly onnxruntimePath: string;
  readonly sessionOptions: Onnxruntime.InferenceSession.SessionOptions;
  readonly weights: Float32Array;
  readonly gradients: Float32Array;
}

/** The worker's program. Like `execute`, it may use nothing but its arguments. */
function workerMain(
  { parentPort, workerData }: typeof WorkerThreads,
  require: NodeJS.Require,
  execute: typeof executeProgram,
): void {
  const input = workerData as WorkerInput;
  const onnxruntime = require(input.onnxruntimePath) as typeof Onnxruntime;
  const weights = new Float32Array(input.weights.length);
  const programs = new Map<string, { program: Program; session: Onnxruntime.InferenceSession }>();
  const work = async (job: Job): Promise<Float32Array> => {
    if (job.weightsChanged) weights.set(input.weights);
    if (job.program) {
      const session = await onnxruntime.InferenceSession.create(job.program.model, input.sessionOptions);
      programs.set(job.key, { program: job.program, session });
    }
    const known = programs.get(job.key);
    if (!known) throw new Error(`the worker was never given the program ${job.key}`);
    return execute(onnxruntime, known.session, known.program, job.feeds, weights, input.gradients);
  };
  let last: Promise<void> = Promise.resolve();
  parentPort?.on("message", (job: Job) => {
    last = last.then(() =>
      work(job).then(
        (result) => parentPort?.postMessage({ id: job.id, result }),
        (error: unknown) => parentPort?.postMessage({ id: job.id, error: String(error) }),
      ),
    );
  });
}

export class WorkerLane implements Lane {
  readonly #worker: Worker;
  readonly #source: Float32Array;
  readonly #weights: Float32Array;
  readonly #gradients: Float32Array;
  readonly #waiting = new Map<number, Waiting>();
  readonly #sent = new Set<string>();
  #nextId = 0;
  #stale = true;
  #failure: TrainError | undefined;

  /** `weights` are read at each run after {@link weightsChanged}. */
  constructor(weights: Float32Array) {
    this.#source = weights;
    this.#weights = new Float32Array(new SharedArrayBuffer(weights.byteLength));
    this.#gradients = new Float32Array(new SharedArrayBuffer(weights.byteLength));
    const input: WorkerInput = {
      onnxruntimePath: createRequire(import.meta.url).resolve("onnxruntime-node"),
      sessionOptions: sessionOptions(1),
      weights: this.#weights,
      gradients: this.#gradients,
    };
    const text = `(${workerMain.toString()})(require("node:worker_threads"), require, ${executeProgram.toString()});`;
    this.#worker = new Worker(text, { eval: true, workerData: input });
    this.#worker.unref();
    this.#worker.on("message", (answer: Answer) => this.#settle(answer));
    this.#worker.on("error", (error) => this.#fail(errorMessage(error)));
    this.#worker.on("exit", () => this.#fail("its thread has ended"));
  }

  run(key: string, program: () => Program, feeds: Feeds): Promise<Float32Array> {
    if (this.#failure) return Promise.reject(this.#failure);
    if (this.#stale) this.#weights.set(this.#source);
    const job: Job = {
      id: this.#nextId++,
      key,
      program: this.#sent.has(key) ? undefined : program(),
      feeds,
      weightsChanged: this.#stale,
    };
    this.#stale = false;
    this.#sent.add(key);
    // Somebody waits for it, so the process must not end before the worker has answered.
    this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.set(job.id, { resolve, reject });
      this.#worker.postMessage(job);
    });
  }

  weightsChanged(): void {
    this.#stale = true;
  }

  collectGradients(total: Float32Array): void {
    const gradients = this.#gradients;
    for (let index = 0; index < total.length; index++) {
      total[index] = (total[index] as number) + (gradients[index] as number);
    }
    gradients.fill(0);
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if ("error" in answer) {
      waiting?.reject(new TrainError(`a training thread failed: ${answer.error}`, { code: "internal" }));
    } else {
      waiting?.resolve(answer.result);
    }
  }

  #fail(what: string): void {
    this.#failure = new TrainError(`a training thread cannot continue: ${what}.`, { code: "internal" });
    for (const waiting of this.#waiting.values()) waiting.reject(this.#failure);
    this.#waiting.clear();
  }
}
