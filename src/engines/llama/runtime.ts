/** The one llama.cpp of this process, shared by all engines: its threads are divided among the models that run at the same time. */
import { availableParallelism } from "node:os";

import { getLlama, LlamaLogLevel, type Llama } from "node-llama-cpp";

import { EngineError, errorMessage } from "../../core/errors.ts";

export type GpuOption = false | "auto";

export interface Runtime {
  readonly llama: Llama;
  /** Forgets old complaints of llama.cpp; the returned function gives those since then: why a load failed is said only there. */
  listen(): () => string;
}

const MAX_COMPLAINTS = 6;
const runtimes = new Map<GpuOption, Promise<Runtime>>();

/**
 * Starts llama.cpp when nobody did before, and keeps it for the life of the process: starting takes half a second and more, since the
 * library first tests its binary in a process of its own. It works offline: nothing is built or downloaded. It does not keep
 * the process alive.
 */
export async function sharedRuntime(gpu: GpuOption): Promise<Runtime> {
  let runtime = runtimes.get(gpu);
  if (runtime === undefined) {
    runtime = start(gpu);
    runtimes.set(gpu, runtime);
  }
  try {
    return await runtime;
  } catch (error) {
    runtimes.delete(gpu);
    throw new EngineError(`llama.cpp cannot be started: ${errorMessage(error)}`, {
      code: "engine-unavailable",
      cause: error,
    });
  }
}

async function start(gpu: GpuOption): Promise<Runtime> {
  const complaints: string[] = [];
  const llama = await getLlama({
    gpu,
    build: "never",
    skipDownload: true,
    progressLogs: false,
    // Not the library's default of 4, which crawls on machines with fewer cores.
    maxThreads: availableParallelism(),
    logLevel: LlamaLogLevel.error,
    logger: (_level, message) => {
      const line = message.trim();
      if (line === "") return;
      complaints.push(line);
      if (complaints.length > MAX_COMPLAINTS) complaints.shift();
    },
  });
  return {
    llama,
    listen: () => {
      complaints.length = 0;
      return () => complaints.join("; ");
    },
  };
}
