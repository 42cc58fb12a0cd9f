/**
 * One model on a server. Requests go in the order of their sequence numbers. Each is repeated under its own number, so that nothing is done
 * twice. Saves have no such protection, so each attempt has its own name.
 */
import { rm } from "node:fs/promises";

import { TrainError } from "../../../core/errors.ts";
import type { AdamParameters } from "../../trainer.ts";
import { unpackArchive } from "./archive.ts";
import type { BackendFacts } from "./backends.ts";
import { binaryOf, lostOr, resultOf, type Submit, submitted } from "./futures.ts";
import type { WireLoss } from "./reduction.ts";
import type { SampleRequest } from "./sampler/policy-source.ts";
import type { TinkerSession } from "./session.ts";
import { StatusError, type TinkerTransport } from "./transport.ts";
import { modelSchema, optimizedSchema, parseDocument, savedSchema } from "./wire/documents.ts";
import {
  decodePassResult,
  decodeSampleResult,
  encodePassRequest,
  encodeWireDatum,
  type SampledSequence,
  splitByLimits,
  type WireDatum,
} from "./wire/protobuf.ts";

export interface ModelChoice {
  readonly base: string;
  /** Rank of the adapters that are trained; 0 trains all weights. */
  readonly rank: number;
  readonly seed: number;
}

export interface PassOutcome {
  readonly logprobs: readonly Float32Array[];
  /** Names of what the server answered for each datum. */
  readonly outputs: ReadonlySet<string>;
  readonly metrics: ReadonlyMap<string, number>;
}

export class TinkerModel {
  readonly id: string;
  readonly #transport: TinkerTransport;
  #sequence = 0;
  #lastSubmission: Promise<unknown> = Promise.resolve();

  private constructor(id: string, transport: TinkerTransport) {
    this.id = id;
    this.#transport = transport;
  }

  /** @param onRepeat Called before the request is repeated: the first one may have made a model whose id was lost. */
  static async create(
    transport: TinkerTransport,
    session: TinkerSession,
    choice: ModelChoice,
    onRepeat: () => void,
  ): Promise<TinkerModel> {
    const path = "/create_model";
    let id = "";
    const { base, rank, seed } = choice;
    const body = {
      session_id: session.id,
      model_seq_id: 0,
      base_model: base,
      lora_config: { rank, seed, train_attn: true, train_mlp: true, train_unembed: false },
      type: "create_model",
    };
    const submit: Submit = async () => {
      const { document } = await transport
        .post(path, (attempt) => {
          if (attempt > 0) onRepeat();
          return body;
        })
        .catch((error: unknown) => {
          throw lostOr(error, transport.name);
        });
      const made = parseDocument(modelSchema, document, `${transport.name}${path}`);
      id = made.model_id;
      return made.request_id;
    };
    await resultOf(transport, "making the model", submit);
    return new TinkerModel(id, transport);
  }

  /**
   * Loads a saved state. It must be the first request of a model.
   * @param path `tinker://...` of a saved state.
   * @returns `too-late` when the model has had a request before: an attempt whose answer was lost. Its outcome is not known.
   */
  async load(path: string): Promise<"loaded" | "too-late"> {
    try {
      await this.#ordered("loading the checkpoint", (sequence) =>
        this.#submit("/load_weights", () => ({
          model_id: this.id,
          path,
          optimizer: true,
          seq_id: sequence,
          type: "load_weights",
        })),
      );
      return "loaded";
    } catch (error) {
      const { status, message } = error instanceof StatusError ? error : { status: 0, message: "" };
      if (status === 400 && message.includes("LoadWeights is not permitted")) return "too-late";
      throw error;
    }
  }

  async pass(
    data: readonly WireDatum[],
    { loss, config }: WireLoss,
    forwardOnly: boolean,
  ): Promise<PassOutcome> {
    const items = data.map((datum) => ({ datum, encoded: encodeWireDatum(datum) }));
    const what = forwardOnly ? "a forward pass" : "a backward pass";
    const groups = splitByLimits(items);
    const answers = await Promise.all(
      groups.map((group) =>
        this.#ordered(what, (sequence) => {
          const body = encodePassRequest({
            modelId: this.id,
            sequence,
            loss,
            lossConfig: config,
            forwardOnly,
            data: group.map(({ encoded }) => encoded),
          });
          return this.#submit("/forward_backward", () => body);
        }),
      ),
    );
    const name = `${this.#transport.name}/forward_backward`;
    const results = answers.map((answer) => decodePassResult(binaryOf(answer, name), name));
    const logprobs = results.flatMap((result) => result.logprobs);
    for (const [index, { tokens }] of data.entries()) checkLogprobs(name, logprobs[index], tokens.length);
    const outputs = new Set(results.flatMap((result) => result.outputs));
    return { logprobs, outputs, metrics: new Map(results.flatMap(({ metrics }) => [...metrics])) };
  }

  /** @returns The gradient's norm, as the server reports it; NaN for one that is not finite. */
  async optimStep(adam: AdamParameters, facts: BackendFacts): Promise<number> {
    const everything = {
      beta1: adam.beta1,
      beta2: adam.beta2,
      eps: adam.epsilon,
      weight_decay: adam.weightDecay,
    };
    const body = {
      model_id: this.id,
      adam_params: {
        learning_rate: adam.learningRate,
        ...(facts.adamPerStep === "all-but-clip" ? everything : {}),
      },
      type: "optim_step",
    };
    const answer = await this.#ordered("the update", (sequence) =>
      this.#submit("/optim_step", () => ({ ...body, seq_id: sequence })),
    );
    const { metrics } = parseDocument(optimizedSchema, answer.document, `${this.#transport.name}/optim_step`);
    const norm = metrics?.["skyrl.ai/grad_norm"];
    // SkyRL writes NaN and infinity as null. A missing norm is something else.
    if (norm !== undefined) return norm ?? Number.NaN;
    throw new TrainError(
      `the trainer server at ${this.#transport.name} does not say the gradient's norm (skyrl.ai/grad_norm), without which divergence cannot be seen. ` +
        "Its optimizer must report one.",
      { code: "trainer-unavailable" },
    );
  }

  /** Saves weights, moments and step count. @returns The path of the saved state, `tinker://...`. */
  async save(name: string): Promise<string> {
    let given = name;
    await this.#ordered("saving the state", (sequence) =>
      this.#submit("/save_weights", (attempt) => {
        given = attempt === 0 ? name : `${name}-${attempt}`;
        return { model_id: this.id, path: given, seq_id: sequence, type: "save_weights" };
      }),
    );
    return `tinker://${this.id}/weights/${given}`;
  }

  /** Publishes the weights for others to read as an archive. @returns Their name. */
  async publish(name: string): Promise<string> {
    let given = name;
    await this.#ordered("writing the weights", (sequence) =>
      this.#submit("/save_weights_for_sampler", (attempt) => {
        given = attempt === 0 ? name : `${name}-${attempt}`;
        return { model_id: this.id, path: given, seq_id: sequence, type: "save_weights_for_sampler" };
      }),
    );
    return given;
  }

  /** Gives the weights to the server's sampler. @returns The session to sample in, and the name of the weights there. */
  async openSampler(order: number): Promise<{ readonly session: string; readonly checkpoint: string }> {
    let checkpoint = "";
    const answer = await this.#ordered("handing the weights to the sampler", (sequence) =>
      this.#submit("/save_weights_for_sampler", (attempt) => {
        const sessionOrder = order * 1000 + attempt;
        checkpoint = `ss${sessionOrder}_seq${sequence}`;
        return {
          model_id: this.id,
          seq_id: sequence,
          sampling_session_seq_id: sessionOrder,
          type: "save_weights_for_sampler",
        };
      }),
    );
    const name = `${this.#transport.name}/save_weights_for_sampler`;
    const { sampling_session_id: session } = parseDocument(savedSchema, answer.document, name);
    if (session !== undefined && session !== null) return { session, checkpoint };
    throw new TrainError(`${name}: it opened no sampling session.`, { code: "trainer-unavailable" });
  }

  /** Frees room on the server. Failures are ignored. */
  forget(name: string): Promise<void> {
    return forgetFiles(this.#transport, `tinker://${this.id}/sampler_weights/${name}`);
  }

  async sample(session: string, order: number, request: SampleRequest): Promise<readonly SampledSequence[]> {
    const name = `${this.#transport.name}/asample`;
    const answer = await resultOf(this.#transport, "sampling", () =>
      this.#submit("/asample", () => ({
        sampling_session_id: session,
        seq_id: order,
        num_samples: request.samples,
        prompt: { chunks: [{ type: "encoded_text", tokens: request.prompt }] },
        sampling_params: {
          max_tokens: request.maxTokens,
          temperature: request.temperature,
          top_p: request.topP,
          top_k: -1,
          seed: request.seed,
          stop: request.stops,
        },
        type: "sample",
      })),
    );
    const { sequences } = decodeSampleResult(binaryOf(answer, name), name);
    for (const { tokens, logprobs } of sequences) checkLogprobs(name, logprobs, tokens.length);
    return sequences;
  }

  /** Unpacks published weights into `folder`, which is emptied before. @returns The names of its files. */
  unpack(name: string, folder: string): Promise<string[]> {
    const path = `/training_runs/${this.id}/checkpoints/${name}/archive`;
    return this.#transport.download(path, async (body) => {
      await rm(folder, { recursive: true, force: true });
      return await unpackArchive(body, folder);
    });
  }

  async unload(): Promise<void> {
    await resultOf(this.#transport, "unloading the model", () =>
      this.#submit("/unload_model", () => ({ model_id: this.id, type: "unload_model" })),
    );
  }

  /** Submits requests in the order of the calls and awaits each by itself: requests that are made together are under way together. */
  #ordered(what: string, submit: (sequence: number) => Promise<string>): ReturnType<typeof resultOf> {
    const sequence = ++this.#sequence;
    const first = this.#lastSubmission.then(() => submit(sequence));
    this.#lastSubmission = first.catch(() => undefined);
    let isFirst = true;
    return resultOf(this.#transport, what, () => {
      if (!isFirst) return submit(sequence);
      isFirst = false;
      return first;
    });
  }

  #submit(path: string, body: (attempt: number) => unknown): Promise<string> {
    return submitted(this.#transport, path, body);
  }
}

/** @param path `tinker://MODEL/...`, also of a model that is no longer loaded. Failures are ignored. */
export async function forgetFiles(transport: TinkerTransport, path: string): Promise<void> {
  const [model = "", ...rest] = path.slice("tinker://".length).split("/");
  await transport.delete(`/training_runs/${model}/checkpoints/${rest.join("/")}`).catch(() => undefined);
}

/** Run of zeros that no model produces. Some servers fill in zeros when they have no log-probabilities. */
const SUSPICIOUS_ZEROS = 16;

function checkLogprobs(name: string, logprobs: Float32Array | undefined, length: number): void {
  const broken =
    logprobs === undefined || logprobs.length !== length
      ? `${logprobs?.length ?? "no"} log-probabilities for ${length} tokens`
      : logprobs.length >= SUSPICIOUS_ZEROS && logprobs.every((value) => value === 0)
        ? `log-probabilities that are all 0 for ${length} tokens`
        : undefined;
  if (broken === undefined && logprobs?.some((value) => Number.isNaN(value)) === true) {
    throw new TrainError(
      `${name}: it answered log-probabilities that are not numbers: training has diverged. The last checkpoint is kept; lower the learning rate, ` +
        "or lengthen the warm-up.",
      { code: "train-diverged" },
    );
  }
  if (broken === undefined) return;
  throw new TrainError(`${name}: it answered ${broken}; without them no loss is right.`, {
    code: "trainer-unavailable",
  });
}
