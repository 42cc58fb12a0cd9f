/**
 * The policy on a server that the user named (vLLM). Either the trainer server updates its weights in place (SkyRL's own vLLM), or it is
 * given adapters by a folder that both machines see, under a name of their own each time, so that no request meets half-loaded weights.
 */
import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";

import { request } from "undici";

import { errorMessage, TrainError } from "../../../core/errors.ts";
import type { Engine } from "../../../engines/engine.ts";
import { openEngine } from "../../../engines/open-engine.ts";
import { parseEngineSpec } from "../../../engines/spec.ts";
import { stateName } from "./checkpoint.ts";
import type { PolicyAccess } from "./tinker-trainer.ts";

export interface ServedSamplerOptions {
  readonly spec: string;
  readonly adapters: string | undefined;
  readonly contextSize: number;
}

export async function servedSampler(
  policy: PolicyAccess,
  { spec, adapters, contextSize }: ServedSamplerOptions,
): Promise<Engine> {
  if (adapters === undefined) {
    const source = await policy.openSource();
    return closingAlso(await openEngine(spec, { contextSize }), () => source.release());
  }
  const parsed = parseEngineSpec(spec);
  const urls = parsed.kind === "http" ? parsed.urls : [];
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
    await published.unpack(folder);
    for (const url of urls) await tell(url, "load_lora_adapter", { lora_name: name, lora_path: folder });
    return closingAlso(await openEngine(withModel(spec, name), { contextSize }), release);
  } catch (error) {
    await release();
    throw error;
  }
}

async function tell(url: string, call: string, body: Readonly<Record<string, string>>): Promise<void> {
  const address = `${url.replace(/\/v1$/u, "")}/v1/${call}`;
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
  const said = (await answer.body.text()).slice(0, 300);
  if (answer.statusCode < 300) return;
  throw new TrainError(
    `the sampler at ${address} answered ${answer.statusCode}: ${said}. vLLM needs --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True, ` +
      "and must see the folder given by adapters= under the same path.",
    { code: "trainer-unavailable" },
  );
}

/** The same spec with another `#MODEL`. */
export function withModel(spec: string, model: string): string {
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
