/**
 * A trainer on another machine, behind the contract of `trainer.ts`: the Tinker protocol as SkyRL speaks it. The server keeps weights,
 * moments and checkpoints. This class keeps the order of requests, the sums, and what a run needs to be resumed.
 */
import { TrainError } from "../../../core/errors.ts";
import type { Engine } from "../../../engines/engine.ts";
import type { AdamParameters, Datum, ForwardResult, LossName, OptimResult, Trainer } from "../../trainer.ts";
import { BACKEND_FACTS, type BackendFacts, type BackendName, checkBackend, probeOf } from "./backends.ts";
import { readPointer, stateName, writePointer } from "./checkpoint.ts";
import { makeModel } from "./make-model.ts";
import { forgetFiles, type ModelChoice, type PassOutcome, type TinkerModel } from "./model.ts";
import { askingDatum, MEAN_LOSS, SUM_LOSS, wireDatum } from "./reduction.ts";
import type { WireDatum } from "./wire/protobuf.ts";
import type { PolicySource } from "./sampler/policy-source.ts";
import { TinkerSession } from "./session.ts";
import { gatherLogprobs, placeTargets } from "./targets.ts";
import type { TinkerTransport } from "./transport.ts";
import { capabilitiesSchema, parseDocument } from "./wire/documents.ts";

/** Weights of the moment when they were published. {@link release} frees them. */
export interface PublishedWeights {
  /** Writes them as files into a folder. @returns The names of the files. */
  readonly unpack: (folder: string) => Promise<string[]>;
  readonly release: () => Promise<void>;
}

/** The trainer as samplers and exporters see it. */
export interface PolicyAccess {
  /** The model's id on the server. */
  readonly modelId: string;
  /** Opens the server's own sampler with the current weights. */
  openSource(): Promise<PolicySource>;
  publish(): Promise<PublishedWeights>;
}

export interface TinkerTrainerOptions {
  readonly transport: TinkerTransport;
  readonly backend: BackendName;
  /** The model to train. Without `base`: the only model that the server has. */
  readonly model: Omit<ModelChoice, "base"> & { readonly base: string | undefined };
  readonly sampler?: (policy: PolicyAccess) => Promise<Engine>;
  readonly exporter?: (folder: string, weights: PublishedWeights) => Promise<void>;
  readonly heartbeatMs?: number;
}

/** Most attempts to load a checkpoint. Answers that are lost more often have another cause. */
const MOST_LOADS = 3;

export class TinkerTrainer implements Trainer, PolicyAccess {
  readonly base: string;
  readonly #options: TinkerTrainerOptions;
  readonly #facts: BackendFacts;
  #session: TinkerSession;
  #model: TinkerModel;
  /** Settled when the server is known to be of the backend that was named. */
  #known: Promise<void> | undefined;
  /** Version of the weights. What was made from an earlier version is out of date. */
  #version = 0;
  /** Scale of the gradients on the server, and below the number of datums that they are divided by. */
  #scale: number | undefined;
  #accumulated = 0;
  #names = 0;
  /** The first sign that the server no longer has the model. It is kept even when whoever met it continued. */
  #lost: TrainError | undefined;
  /** Paths of the states that the server keeps for this run, oldest first. */
  #saved: string[] = [];

  private constructor(
    options: TinkerTrainerOptions,
    session: TinkerSession,
    model: TinkerModel,
    base: string,
  ) {
    this.#options = options;
    this.#facts = BACKEND_FACTS[options.backend];
    this.#session = session;
    this.#model = model;
    this.base = base;
  }

  /** Connects and makes a model. @throws TrainError when no server answers, or it does not have the base model. */
  static async connect(options: TinkerTrainerOptions): Promise<TinkerTrainer> {
    const { transport } = options;
    const base = await chooseBase(transport, options.model.base);
    const reopen = () => TinkerSession.open(transport, options.heartbeatMs);
    const made = await makeModel(transport, await reopen(), { ...options.model, base }, reopen);
    return new TinkerTrainer(options, made.session, made.model, base);
  }

  get modelId(): string {
    return this.#model.id;
  }

  /** Set when the server has lost the model, whichever call found out. */
  get lost(): TrainError | undefined {
    return this.#lost;
  }

  async forward(data: readonly Datum[]): Promise<ForwardResult> {
    const placed = placeTargets(data, this.#facts.targets);
    const { logprobs } = await this.#ask(placed.map(askingDatum));
    return resultOf(data, gatherLogprobs(data, placed, logprobs));
  }

  async forwardBackward(data: readonly Datum[], loss: LossName): Promise<ForwardResult> {
    loss satisfies "cross_entropy";
    // The check comes before any gradient: a server that averages would make gradients of any size.
    this.#known ??= this.#probe(data);
    await this.#known;
    const placed = placeTargets(data, this.#facts.targets);
    this.#scale ??= placed.length;
    const scale = this.#scale;
    this.#accumulated += placed.length;
    const { reduction } = this.#facts;
    const { logprobs } = await this.#model.pass(
      placed.map((datum) => wireDatum(datum, reduction, scale)),
      reduction === "sum" ? SUM_LOSS : MEAN_LOSS,
      false,
    );
    return resultOf(data, gatherLogprobs(data, placed, logprobs));
  }

  async optimStep(adam: AdamParameters): Promise<OptimResult> {
    // Waits for the check, as the pass that was asked for before does.
    await this.#known;
    const { reduction } = this.#facts;
    const correction = reduction === "sum" || this.#scale === undefined ? 1 : this.#accumulated / this.#scale;
    this.#scale = undefined;
    this.#accumulated = 0;
    this.#version++;
    return { gradientNorm: (await this.#model.optimStep(adam, this.#facts)) * correction };
  }

  /** Both requests are under way before the first is awaited. */
  async trainStep(
    data: readonly Datum[],
    loss: LossName,
    adam: AdamParameters,
  ): Promise<ForwardResult & OptimResult> {
    const [passed, updated] = await Promise.all([this.forwardBackward(data, loss), this.optimStep(adam)]);
    return { ...passed, ...updated };
  }

  sampler(): Promise<Engine> {
    const open = this.#options.sampler;
    if (open !== undefined) return open(this);
    return Promise.reject(
      new TrainError("this trainer was created without a sampler, so it makes no rollouts.", {
        code: "train-invalid",
      }),
    );
  }

  async openSource(): Promise<PolicySource> {
    const model = this.#model;
    const version = this.#version;
    const { session, checkpoint } = await model.openSampler(++this.#names);
    let order = 0;
    // SkyRL's jax backend samples from the weights that it trains. If it were asked for older ones, it would put them back.
    const checkFresh = (): void => {
      if (this.#model === model && this.#version === version) return;
      throw new TrainError("the weights of this sampler have been updated since; make another one.", {
        code: "train-invalid",
      });
    };
    return {
      sample: async (request) => {
        checkFresh();
        return await this.#noting(model.sample(session, order++, request));
      },
      logprobs: async (questions) => {
        checkFresh();
        if (this.#facts.targets !== "any") {
          throw new TrainError(
            `a ${this.#options.backend} server gives log-probabilities only of the tokens that follow, so its sampler cannot tell where the small model would ` +
              "close a segment. Name one that can with sampler=openai:... at the end of --trainer (docs/scale.md).",
            { code: "train-invalid" },
          );
        }
        return (await this.#noting(this.#ask(questions.map(askingDatum)))).logprobs;
      },
      release: () => model.forget(checkpoint),
    };
  }

  async publish(): Promise<PublishedWeights> {
    const model = this.#model;
    const name = await model.publish(stateName("weights", ++this.#names));
    return {
      unpack: (folder) => model.unpack(name, folder),
      release: () => model.forget(name),
    };
  }

  /** The server keeps the state; a file in `folder` says where. The server keeps the last two states. */
  async save(folder: string): Promise<void> {
    const path = await this.#model.save(stateName("state", ++this.#names));
    const { transport, model } = this.#options;
    const previous = this.#saved.at(-1);
    await writePointer(folder, {
      path,
      ...(previous === undefined ? {} : { previous }),
      base: this.base,
      rank: model.rank,
    });
    this.#saved.push(path);
    for (const oldest of this.#saved.splice(0, this.#saved.length - 2)) await forgetFiles(transport, oldest);
  }

  /** Makes a new model and loads the state into it: the protocol loads into no other. */
  async load(folder: string): Promise<void> {
    const { transport, backend, model, heartbeatMs } = this.#options;
    const pointer = await readPointer(folder, { base: this.base, rank: model.rank });
    const { severalModels } = BACKEND_FACTS[backend];
    const choice = { ...model, base: this.base };
    const reopen = () => TinkerSession.open(transport, heartbeatMs);
    for (let attempt = 1; ; attempt++) {
      const before = this.#model;
      if (!severalModels) await before.unload();
      const made = await makeModel(transport, this.#session, choice, reopen);
      this.#session = made.session;
      this.#model = made.model;
      this.#version++;
      this.#scale = undefined;
      this.#accumulated = 0;
      const outcome = await made.model.load(pointer.path);
      if (severalModels) await before.unload();
      if (outcome === "loaded") break;
      if (attempt === MOST_LOADS) {
        throw new TrainError(
          `the trainer server at ${transport.name} loads no checkpoint: its answers were lost ${attempt} times.`,
          { code: "trainer-unavailable", retryable: true },
        );
      }
    }
    this.#saved = [...(pointer.previous === undefined ? [] : [pointer.previous]), pointer.path];
  }

  async export(folder: string): Promise<void> {
    const { exporter } = this.#options;
    if (exporter === undefined) {
      throw new TrainError("this trainer was created without an exporter, so it cannot export.", {
        code: "train-invalid",
      });
    }
    const weights = await this.publish();
    try {
      await exporter(folder, weights);
    } finally {
      await weights.release();
    }
  }

  /** Runs a forward pass. The first one shows what kind of server answers. */
  async #ask(data: readonly WireDatum[]): Promise<PassOutcome> {
    const outcome = await this.#model.pass(data, SUM_LOSS, true);
    if (this.#known === undefined && outcome.outputs.size > 0) {
      checkBackend(this.#options.transport.name, this.#options.backend, outcome.outputs);
      this.#known = Promise.resolve();
    }
    return outcome;
  }

  async #probe(data: readonly Datum[]): Promise<void> {
    const [first] = data;
    if (first === undefined || this.#facts.forwardTellsLoss === undefined) return;
    const { outputs } = await this.#model.pass([askingDatum(probeOf(first))], SUM_LOSS, true);
    checkBackend(this.#options.transport.name, this.#options.backend, outputs);
  }

  /** Notes the loss of the model. A failed rollout is recorded and passed over; a lost model is not. */
  async #noting<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof TrainError && error.code === "trainer-lost") this.#lost ??= error;
      throw error;
    }
  }

  /** The server forgets the model; its checkpoints stay. */
  async close(): Promise<void> {
    const { transport } = this.#options;
    this.#session.close();
    // A server that is away has nothing to forget and is not waited for.
    await transport
      .once("/unload_model", { model_id: this.#model.id, type: "unload_model" })
      .catch(() => undefined);
    await transport.close();
  }
}

async function chooseBase(transport: TinkerTransport, wanted: string | undefined): Promise<string> {
  const path = "/get_server_capabilities";
  const { document } = await transport.get(path);
  const names = parseDocument(capabilitiesSchema, document, `${transport.name}${path}`).supported_models.map(
    ({ model_name: name }) => name,
  );
  const [only, ...others] = names;
  if (wanted === undefined ? only !== undefined && others.length === 0 : names.includes(wanted))
    return wanted ?? only ?? "";
  throw new TrainError(
    `the trainer server at ${transport.name} has ${names.join(", ") || "no model"}${wanted === undefined ? "" : `, not ${wanted}`}: ` +
      "name one of them with base=NAME in --trainer, or start the server with that --base-model.",
    { code: "train-invalid" },
  );
}

function resultOf(data: readonly Datum[], logprobs: readonly Float32Array[]): ForwardResult {
  let lossSum = 0;
  let weightSum = 0;
  for (const [index, { weights }] of data.entries()) {
    for (const [position, weight] of weights.entries()) {
      if (weight === 0) continue;
      lossSum -= weight * (logprobs[index]?.[position] ?? Number.NaN);
      weightSum += weight;
    }
  }
  return { logprobs, lossSum, weightSum };
}
