/** Samplers of a trainer server's policy model, and its weights: servers that were named, this process, an export. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { Engine } from "../../src/engines/engine.ts";
import { encodeSafetensors } from "../../src/formats/safetensors.ts";
import { loadTokenizer } from "../../src/tokenizer/index.ts";
import { importHuggingFace } from "../../src/train/export/index.ts";
import type { Weights } from "../../src/train/model/parameters.ts";
import { connectTinker } from "../../src/train/trainers/tinker/connect.ts";
import type { TinkerTrainer } from "../../src/train/trainers/tinker/tinker-trainer.ts";
import { tinkerSpec } from "./support/tinker-client.ts";
import { cut, halfAnArchive, TinkerImitation } from "./support/tinker-imitation.ts";

const MODEL = join("models", "micro", "small");
const REST = `dialect=vllm&template=chatml&tokenizer=${MODEL}/tokenizer.json`;
let server: TinkerImitation;
let vllm: ListedModels;
let folder: string;
const opened: TinkerTrainer[] = [];

/** Of a vLLM, what is asked when an engine opens, and what changes its list of models. */
class ListedModels {
  readonly names = new Set(["base"]);
  readonly calls: string[] = [];
  /** The files of adapters as they were when they were loaded. */
  files: string[] = [];
  answers = 200;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<ListedModels> {
    const server = createServer();
    const models = new ListedModels(server);
    server.on("request", (request, response) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        if (request.url === "/v1/models") {
          response.writeHead(200, { "content-type": "application/json" });
          response.end(JSON.stringify({ data: [...models.names].map((id) => ({ id, owned_by: "vllm" })) }));
          return;
        }
        const call = (request.url ?? "").replace("/v1/", "");
        const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, string>;
        const { lora_name: name = "", lora_path: path } = body;
        models.calls.push(call);
        if (path !== undefined) models.files = readdirSync(path);
        if (call === "load_lora_adapter" && models.answers === 200) models.names.add(name);
        if (call === "unload_lora_adapter") models.names.delete(name);
        response.writeHead(models.answers).end("said by vLLM");
      })();
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    return models;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((done) => this.#server.close(() => done()));
  }
}

beforeEach(async () => {
  server = await TinkerImitation.start();
  vllm = await ListedModels.start();
  folder = mkdtempSync(join(tmpdir(), "splitreason-sampler-"));
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((trainer) => trainer.close()));
  await server.close();
  await vllm.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Here {
  readonly base?: boolean;
  readonly open?: (weights: Weights) => void;
}

async function connect(parameters: string, { base = true, open }: Here = {}): Promise<TinkerTrainer> {
  const spec = tinkerSpec(`tinker:${server.url}?${parameters}`);
  const trainer = await connectTinker({
    spec,
    seed: 1,
    tokenizer: (await loadTokenizer(MODEL)).tokenizer,
    contextSize: 64,
    base: base ? await importHuggingFace(MODEL) : undefined,
    exporter: (_, __, weights) => Promise.resolve(open?.(weights)),
    localSampler: (_, weights) => {
      open?.(weights);
      return Promise.resolve({} as Engine);
    },
  });
  opened.push(trainer);
  return trainer;
}

const deletions = (): number =>
  server.seen.filter(({ path }) => path.includes("/checkpoints/sampler_weights/")).length;

describe("a server that the trainer server updates in place", () => {
  const named = (model = ""): string => `sampler=openai:${vllm.url}/v1${model}?${REST}`;

  it("is asked for the model under its id where adapters are registered so (fsdp)", async () => {
    const trainer = await connect(`backend=fsdp&${named()}`);
    vllm.names.add(trainer.modelId);
    const engine = await trainer.sampler();
    expect(engine.model).toContain(`#${trainer.modelId}`);
    expect(server.count("/save_weights_for_sampler")).toBe(1);
    await engine.close();
    expect(deletions()).toBe(1);
  });

  it("is not asked for the base model, which nobody trained", async () => {
    const trainer = await connect(`backend=fsdp&${named("#base")}`);
    await expect(trainer.sampler()).rejects.toThrow("Leave #MODEL away");
    const nothing = await connect(`backend=fsdp&${named()}`);
    await expect(nothing.sampler()).rejects.toThrow(`no model "${nothing.modelId}"`);
    // What was handed over is given back.
    expect(deletions()).toBe(2);
  });

  it("is asked for its only model where all weights are trained, or adapters merged", async () => {
    for (const parameters of ["backend=fsdp&rank=0", "backend=megatron"]) {
      const trainer = await connect(`${parameters}&${named()}`);
      const engine = await trainer.sampler();
      expect(engine.model).toContain("#base");
      await engine.close();
      await trainer.close();
    }
  });

  it("is asked for the id where megatron keeps adapters apart", async () => {
    const trainer = await connect(`backend=megatron&${named()}`);
    vllm.names.add(trainer.modelId);
    const engine = await trainer.sampler();
    expect(engine.model).toContain(`#${trainer.modelId}`);
    await engine.close();
  });
});

describe("a server that loads adapters from a folder", () => {
  const loading = (): string => `backend=fsdp&adapters=${folder}&sampler=openai:${vllm.url}/v1#base?${REST}`;

  it("gets them under a name of their own, and is told when they are used up", async () => {
    const trainer = await connect(loading());
    server.breakNext("/download", halfAnArchive);
    const engine = await trainer.sampler();
    const [name] = readdirSync(folder);
    expect(engine.model).toContain(`#${String(name)}`);
    expect(vllm.files).toEqual(["adapter_model.safetensors"]);
    await engine.close();
    expect(vllm.calls).toEqual(["load_lora_adapter", "unload_lora_adapter"]);
    expect([...vllm.names]).toEqual(["base"]);
    expect(readdirSync(folder)).toEqual([]);
    expect(deletions()).toBe(1);
  });

  it("leaves nothing behind when it takes none, or there are none", async () => {
    const trainer = await connect(loading());
    vllm.answers = 400;
    await expect(trainer.sampler()).rejects.toThrow(/400: said by vLLM.*--enable-lora/u);
    vllm.answers = 200;
    server.files = { "model.safetensors": Buffer.from("whole"), "config.json": Buffer.from("{}") };
    await expect(trainer.sampler()).rejects.toThrow(/publishes whole models.*Leave adapters= away/u);
    expect(readdirSync(folder)).toEqual([]);
    expect(deletions()).toBe(2);
  });
});

describe("weights that come to this machine", () => {
  const NAME = "model.layers.0.self_attn.q_proj.weight";

  async function adapterFiles(): Promise<Record<string, Uint8Array>> {
    const [rows = 0, columns = 0] = (await importHuggingFace(MODEL)).weights.get(NAME)?.shape ?? [];
    const one = (shape: readonly number[], length: number) => ({
      shape,
      data: Float32Array.from({ length }, (_, at) => (at === 0 ? 1 : 0)),
    });
    const stem = `base_model.model.${NAME.replace(".weight", "")}`;
    const tensors = new Map([
      [`${stem}.lora_A.weight`, one([1, columns], columns)],
      [`${stem}.lora_B.weight`, one([rows, 1], rows)],
    ]);
    return {
      "adapter_model.safetensors": encodeSafetensors({ tensors, metadata: {} }),
      "adapter_config.json": Buffer.from(JSON.stringify({ r: 1, lora_alpha: 2 })),
    };
  }

  it("are put into the base model's, for a sampler here and for an export, also after a cut", async () => {
    const before = (await importHuggingFace(MODEL)).weights.get(NAME)?.data[0] ?? 0;
    const firsts: (number | undefined)[] = [];
    server.files = await adapterFiles();
    const open = (weights: Weights): void => void firsts.push(weights.get(NAME)?.data[0]);
    const trainer = await connect("backend=fsdp&sampler=local", { open });
    server.breakNext("/archive", cut);
    server.breakNext("/download", halfAnArchive);
    await trainer.sampler();
    await trainer.export(join(folder, "model"));
    expect(firsts).toEqual([Math.fround(before + 2), Math.fround(before + 2)]);
    expect(deletions()).toBe(2);
  });

  it("may be a whole model: sampled as it is, exported as its files", async () => {
    const names = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];
    server.files = Object.fromEntries(names.map((name) => [name, readFileSync(join(MODEL, name))]));
    const firsts: (number | undefined)[] = [];
    const open = (weights: Weights): void => void firsts.push(weights.get(NAME)?.data[0]);
    const trainer = await connect("backend=fsdp&rank=0&sampler=local", { open });
    await trainer.sampler();
    expect(firsts).toEqual([(await importHuggingFace(MODEL)).weights.get(NAME)?.data[0]]);
    await trainer.export(join(folder, "model"));
    expect(readdirSync(join(folder, "model")).toSorted()).toEqual(names);
  });

  it("cannot be sampled here without the base model; adapters are exported as they are", async () => {
    server.files = await adapterFiles();
    const trainer = await connect("backend=fsdp&sampler=local", { base: false });
    await expect(trainer.sampler()).rejects.toThrow("sampler=local needs the base model's weights");
    await trainer.export(join(folder, "model"));
    expect(existsSync(join(folder, "model", "adapter_model.safetensors"))).toBe(true);
    expect(deletions()).toBe(2);
  });
});
