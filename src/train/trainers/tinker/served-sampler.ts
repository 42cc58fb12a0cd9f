/**
 * The policy model on a server that the user named (vLLM). Either the trainer server updates that server's weights in place (SkyRL's own
 * vLLM). Or adapters go through a folder that both machines see. They have a new name each time, so that no request meets half-loaded
 * weights.
 */
import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";

import { request } from "undici";
import { z } from "zod";

import { errorMessage, TrainError } from "../../../core/errors.ts";
import { messageInBody, readBody, readErrorBody } from "../../../core/http-body.ts";
import type { Engine } from "../../../engines/engine.ts";
import { addressOf } from "../../../engines/http/transport/transport.ts";
import { openEngine } from "../../../engines/open/open-engine.ts";
import { parseEngineSpec } from "../../../engines/open/spec.ts";
import { ADAPTER_FILE } from "./adapters.ts";
import type { BackendFacts } from "./backends.ts";
import { stateName } from "./checkpoint.ts";
import type { PolicyAccess } from "./tinker-trainer.ts";

export interface ServedSamplerOptions {
  readonly spec: string;
  readonly adapters: string | undefined;
  readonly contextSize: number;
  readonly rank: number;
  readonly servedAs: BackendFacts["servedAs"];
}

export async function servedSampler(policy: PolicyAccess, options: ServedSamplerOptions): Promise<Engine> {
  const { spec, adapters, contextSize } = options;
  const parsed = parseEngineSpec(spec);
  const urls = parsed.kind === "http" ? parsed.urls : [];
  if (adapters === undefined) {
    // The trainer server registers the adapters when it hands them over.
    const source = await policy.openSource();
    try {
      const named = parsed.kind === "http" ? parsed.model : undefined;
      const served = await servedModel(policy.modelId, urls, named, options);
      const engine = await openEngine(served === undefined ? spec : withModel(spec, served), { contextSize });
      return closingAlso(engine, () => source.release());
    } catch (error) {
      await source.release();
      throw error;
    }
  }
  const name = stateName("policy", 0);
  const folder = resolve(join(adapters, name));
  const published = await policy.publish();
  const release = async (): Promise<void> => {
    for (const url of urls)
      await tell(url, "unload_lora_adapter", { lora_name: name }).catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
    await published.release();
  };
  try {
    const names = await published.unpack(folder);
    if (!names.includes(ADAPTER_FILE)) throw noAdapters(names);
    for (const url of urls) await tell(url, "load_lora_adapter", { lora_name: name, lora_path: folder });
    return closingAlso(await openEngine(withModel(spec, name), { contextSize }), release);
  } catch (error) {
    await release();
    throw error;
  }
}

/** Model name to ask for; undefined where the spec says it. */
async function servedModel(
  modelId: string,
  urls: readonly string[],
  named: string | undefined,
  { rank, servedAs }: ServedSamplerOptions,
): Promise<string | undefined> {
  if (rank === 0 || servedAs === "none") return undefined;
  if (servedAs === "model-id") {
    if (named === undefined || named === modelId) return modelId;
    throw new TrainError(
      `sampler=...#${named} is not what is trained: the trainer server registers the adapters on its vLLM under the model's own id, which is another one each time. ` +
        "Leave #MODEL away (with rank=0 it may stay).",
      { code: "train-invalid" },
    );
  }
  if (named !== undefined) return undefined;
  const lists = await Promise.all(urls.map(modelsAt));
  return lists.length > 0 && lists.every((names) => names.includes(modelId)) ? modelId : undefined;
}

const MAX_MODELS_BYTES = 4 * 1024 * 1024;
const modelsSchema = z.object({ data: z.array(z.object({ id: z.string() })) });

/** Models that a server lists. Empty on failure: opening the engine tells what is wrong. */
async function modelsAt(url: string): Promise<readonly string[]> {
  const answer = await request(addressOf(url, { at: "api", path: "/models" }))
    .then(async ({ body }): Promise<unknown> => {
      const bytes = await readBody(body, MAX_MODELS_BYTES, url);
      return JSON.parse(bytes.toString("utf8"));
    })
    .catch(() => undefined);
  const parsed = modelsSchema.safeParse(answer);
  return parsed.success ? parsed.data.data.map(({ id }) => id) : [];
}

const noAdapters = (names: readonly string[]): TrainError =>
  new TrainError(
    `adapters= cannot be used: the trainer server publishes whole models (${names.slice(0, 5).join(", ")}), not ${ADAPTER_FILE}, as megatron does with merged weights. ` +
      "Leave adapters= away: that server updates its own vLLM, which is the one to name in sampler=.",
    { code: "train-invalid" },
  );

async function tell(url: string, call: string, body: Readonly<Record<string, string>>): Promise<void> {
  const address = addressOf(url, { at: "api", path: `/${call}` });
  const answer = await request(address, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  }).catch((error: unknown) => {
    throw new TrainError(`the sampler at ${address} cannot be reached: ${errorMessage(error)}.`, {
      code: "trainer-unavailable",
      retryable: true,
      cause: error,
    });
  });
  const said = messageInBody(await readErrorBody(answer.body)).slice(0, 300);
  if (answer.statusCode < 300) return;
  throw new TrainError(
    `the sampler at ${address} answered ${answer.statusCode}: ${said}. vLLM needs --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True, ` +
      "and must see the folder given by adapters= under the same path.",
    { code: "trainer-unavailable" },
  );
}

/** The spec with another `#MODEL`. */
function withModel(spec: string, model: string): string {
  const question = spec.indexOf("?");
  const place = question < 0 ? spec : spec.slice(0, question);
  return `${place.replace(/#.*$/u, "")}#${model}${question < 0 ? "" : spec.slice(question)}`;
}

function closingAlso(engine: Engine, release: () => Promise<void>): Engine {
  const close = async (): Promise<void> => {
    await engine.close();
    await release();
  };
  return {
    model: engine.model,
    vocabulary: engine.vocabulary,
    capabilities: engine.capabilities,
    ...(engine.chatTemplate === undefined ? {} : { chatTemplate: engine.chatTemplate }),
    open: (options, signal) => engine.open(options, signal),
    countTokens: (pieces) => engine.countTokens(pieces),
    close,
    [Symbol.asyncDispose]: close,
  };
}
