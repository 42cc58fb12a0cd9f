/**
 * A server that speaks the Tinker protocol as SkyRL 0.4.0 does, as far as the trainer uses it, with faults to order. Its model is a rule: the
 * log-probability of a target follows from its id and from the updates made. It follows the sources of SkyRL 0.4.0;
 * what that server itself said is in fixtures/skyrl-0.4.0.json.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { pack } from "tar-stream";

export interface SeenRequest {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** Number of datums in a pass. */
  readonly datums: number;
  readonly bytes: number;
}

type Fault = (response: ServerResponse) => void;

export const status =
  (code: number, detail = "", headers: Readonly<Record<string, string>> = {}): Fault =>
  (response) => {
    response.writeHead(code, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify({ detail }));
  };
/** The connection is cut without a word. */
export const cut: Fault = (response) => response.destroy();
/** No answer ever comes, and the connection stays. */
export const hang: Fault = () => undefined;
/** No fault: for one that is to come later. */
export const undisturbed: Fault = () => undefined;
/** The request is done, its answer lost. */
export const loseAnswer: Fault = (response) => {
  response.writeHead = () => response;
  response.end = () => response.destroy();
};
/** Half of the archive arrives. */
export const halfAnArchive: Fault = (response) => {
  response.writeHead(200, { "content-length": "1000000" });
  response.write(tarHeader, () => setTimeout(() => response.destroy(), 20));
};
const tarHeader = (() => {
  const tar = pack();
  tar.entry({ name: "model.safetensors", size: 999_000 });
  return (tar.read() as Buffer | null) ?? Buffer.alloc(0);
})();
/** Redirects to another address. */
export const redirect =
  (place: string): Fault =>
  (response) =>
    void response.writeHead(302, { location: place }).end();

export const logprobRule = (target: number, updates: number): number => -((target % 7) + 1) / (8 + updates);

export class TinkerImitation {
  readonly seen: SeenRequest[] = [];
  readonly #faults = new Map<string, Fault[]>();
  readonly #results = new Map<string, unknown>();
  readonly #bySequence = new Map<string, { readonly body: string; readonly id: string }>();
  /** Updates of each model; models are forgotten by {@link forgetModels}. */
  readonly models = new Map<string, number>();
  readonly states = new Map<string, number>();
  /** As `fsdp`, it has room for one model, and its forward passes tell no losses. */
  backend: "jax" | "fsdp" | undefined;
  /** The gradient's norm in answers to updates. SkyRL writes NaN as null. */
  gradientNorm: number | null | undefined = 2;
  logprobOf = logprobRule;
  /** Of published weights. */
  files: Readonly<Record<string, Uint8Array>> = { "adapter_model.safetensors": Buffer.from("weights") };
  /** Everything hangs, heartbeats as well. */
  isHung = false;
  readonly #sessionOf = new Map<string, string>();
  readonly #asked = new Set<string>();
  readonly #server: Server;
  #count = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(port = 0): Promise<TinkerImitation> {
    const server = createServer();
    const imitation = new TinkerImitation(server);
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      void imitation.#answer(request, response);
    });
    await new Promise<void>((done) => server.listen(port, "127.0.0.1", done));
    return imitation;
  }

  get port(): number {
    const address = this.#server.address();
    return address === null || typeof address === "string" ? 0 : address.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The next requests to `path` meet these faults, in order. */
  breakNext(path: string, ...faults: readonly Fault[]): void {
    this.#faults.set(path, [...(this.#faults.get(path) ?? []), ...faults]);
  }

  /** As a server that was restarted: what was asked for is in its database, the models are gone. */
  forgetModels(): void {
    this.models.clear();
  }

  /** Ends sessions, as the server does after 300 s without a heartbeat. */
  endSession(session: string): void {
    for (const [model, of] of this.#sessionOf) if (of === session) this.models.delete(model);
  }

  count(path: string): number {
    return this.seen.filter((one) => one.path === path).length;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((done) => this.#server.close(() => done()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    const path = (request.url ?? "").replace("/api/v1", "");
    const isBinary = request.headers["content-type"] === "application/x-protobuf";
    const pass = isBinary ? readPass(bytes) : undefined;
    const body: Record<string, unknown> =
      pass?.body ?? (bytes.length === 0 ? {} : JSON.parse(bytes.toString()));
    this.seen.push({ path, body, datums: pass?.targets.length ?? 0, bytes: bytes.length });
    if (this.isHung) return;
    // The names of archives are drawn.
    const route = /\/(?:archive|download)$/u.exec(path)?.[0] ?? path;
    const fault = this.#faults.get(route)?.shift();
    fault?.(response);
    if (fault !== undefined && fault !== loseAnswer && fault !== undisturbed) return;
    const json = (document: unknown): void => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify(document));
    };
    const submit = (result: () => unknown): void => {
      const key = `${String(body["model_id"])} ${String(body["seq_id"])}`;
      const text = bytes.toString("base64");
      const before = body["seq_id"] === undefined ? undefined : this.#bySequence.get(key);
      if (before !== undefined && path !== "/asample") {
        if (before.body !== text) return status(409, "Training request sequence number was reused")(response);
        return json({ request_id: before.id });
      }
      const id = String(++this.#count);
      this.#bySequence.set(key, { body: text, id });
      this.#results.set(id, result());
      return json({ request_id: id });
    };
    const model = String(body["model_id"]);
    const updates = this.models.get(model);
    const isFirst = !this.#asked.has(model);
    if (body["model_id"] !== undefined) this.#asked.add(model);
    const gone = { failed: `Model ${model} not loaded (likely stale request from previous server)` };
    switch (path) {
      case "/get_server_capabilities":
        return json({ supported_models: [{ model_name: "tiny" }] });
      case "/create_session":
        return json({ session_id: `session_${++this.#count}` });
      case "/session_heartbeat":
        return json({});
      case "/create_model": {
        const id = `model_${++this.#count}`;
        const requestId = String(++this.#count);
        const isFull = this.backend === "fsdp" && this.models.size > 0;
        if (!isFull) this.models.set(id, 0);
        this.#sessionOf.set(id, String(body["session_id"]));
        this.#results.set(requestId, isFull ? { failed: fullOf(body) } : {});
        return json({ request_id: requestId, model_id: id });
      }
      case "/forward_backward":
        return submit(() => {
          if (updates === undefined) return gone;
          const lists = (pass?.targets ?? []).map((targets) =>
            Float32Array.from(targets, (target) => this.logprobOf(target, updates)),
          );
          // SkyRL's fsdp tells losses in backward passes only.
          const tellsLoss =
            this.backend === "jax" || (this.backend === "fsdp" && body["forward_only"] !== true);
          return encodeLogprobs(lists, tellsLoss ? ["elementwise_loss", "logprobs"] : ["logprobs"]);
        });
      case "/optim_step":
        return submit(() => {
          if (updates === undefined) return gone;
          this.models.set(model, updates + 1);
          return { metrics: { "skyrl.ai/grad_norm": this.gradientNorm, "skyrl.ai/learning_rate": 0.1 } };
        });
      case "/save_weights": {
        const name = `tinker://${model}/weights/${String(body["path"])}`;
        if (this.states.has(name)) return status(409, "Checkpoint already exists")(response);
        if (updates !== undefined) this.states.set(name, updates);
        return submit(() => (updates === undefined ? gone : { path: name }));
      }
      case "/save_weights_for_sampler":
        return submit(() =>
          updates === undefined
            ? gone
            : typeof body["path"] !== "string"
              ? { path: null, sampling_session_id: `sampling_${this.#count}` }
              : { path: `tinker://${model}/${body["path"]}`, sampling_session_id: null },
        );
      case "/load_weights":
        // Any request before makes it too late; its own number does not make a repetition the same request.
        if (!isFirst)
          return status(400, `LoadWeights is not permitted with seq_id ${String(body["seq_id"])}`)(response);
        return submit(() => {
          this.models.set(model, this.states.get(String(body["path"])) ?? Number.NaN);
          return {};
        });
      case "/unload_model":
        this.models.delete(model);
        return submit(() => ({}));
      case "/retrieve_future": {
        const result = this.#results.get(String(body["request_id"]));
        if (result === undefined) return status(404, "Future not found")(response);
        if (isFailed(result)) return status(400, result.failed)(response);
        if (!(result instanceof Uint8Array)) return json(result);
        response.writeHead(200, { "content-type": "application/x-protobuf" });
        response.end(result);
        return;
      }
      default:
        if (request.method === "DELETE") return void response.writeHead(204).end();
        if (route === "/archive")
          return redirect(`${this.url}/api/v1${path.replace(/archive$/u, "download")}`)(response);
        if (route === "/download") {
          const tar = await tarOf(this.files);
          response.writeHead(200, { "content-length": String(tar.length) });
          return void response.end(tar);
        }
        return status(404)(response);
    }
  }
}

/** In SkyRL's words. */
const fullOf = (body: Record<string, unknown>): string =>
  (body["lora_config"] as { readonly rank: number }).rank === 0
    ? "SkyRLTrainBackend already has a 'policy' model; multi-tenant training is only supported for LoRA (rank > 0)"
    : "ray::FSDPPolicyWorkerBase.register_adapter() NotImplementedError: FSDPPolicyWorkerBase.register_adapter is not implemented: " +
      "multi-tenant LoRA adapter management (the adapter store) is currently only supported on the Megatron backend.";

async function tarOf(files: Readonly<Record<string, Uint8Array>>): Promise<Buffer> {
  const tar = pack();
  for (const [name, bytes] of Object.entries(files)) tar.entry({ name: `./${name}` }, Buffer.from(bytes));
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}

const isFailed = (result: unknown): result is { readonly failed: string } =>
  result !== null && typeof result === "object" && "failed" in result;

function readPass(bytes: Uint8Array): { body: Record<string, unknown>; targets: number[][] } {
  const body: Record<string, unknown> = {};
  const targets: number[][] = [];
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1) body["model_id"] = reader.string();
    else if (field === 2) body["seq_id"] = reader.int32();
    else if (field === 3) targets.push(readTargets(reader.bytes()));
    else if (field === 4) body["loss_fn"] = reader.string();
    else if (field === 6) body["forward_only"] = reader.bool();
    else reader.skip(type, field);
  }
  return { body, targets };
}

function readTargets(datum: Uint8Array): number[] {
  const reader = new BinaryReader(datum);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field !== 2) {
      reader.skip(type, field);
      continue;
    }
    const entry = new BinaryReader(reader.bytes());
    entry.tag();
    const name = entry.string();
    entry.tag();
    const tensor = new BinaryReader(entry.bytes());
    tensor.tag();
    const dense = Uint8Array.from(tensor.bytes());
    if (name === "target_tokens") return Array.from(new BigInt64Array(dense.buffer), Number);
  }
  return [];
}

/** The same values for each of the `outputs`: only log-probabilities are read. */
function encodeLogprobs(lists: readonly Float32Array[], outputs: readonly string[]): Uint8Array {
  const offsets = new BigInt64Array(lists.length + 1);
  for (const [index, list] of lists.entries())
    offsets[index + 1] = (offsets[index] ?? 0n) + BigInt(list.byteLength);
  const data = Buffer.concat(lists.map((list) => Buffer.from(list.buffer)));
  const writer = new BinaryWriter();
  writer.tag(1, WireType.LengthDelimited).string("scalar");
  writer.tag(2, WireType.LengthDelimited).fork();
  for (const output of outputs) {
    writer.tag(2, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(output);
    writer.tag(2, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).bytes(data);
    writer
      .tag(2, WireType.LengthDelimited)
      .bytes(new Uint8Array(offsets.buffer))
      .tag(3, WireType.Varint)
      .int32(1);
    writer.join().join();
  }
  writer.tag(3, WireType.Varint).int64(lists.length).join();
  return writer.finish();
}
