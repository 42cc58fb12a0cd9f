/** The one llama.cpp of this process. All engines share it, and models that run at the same time share its threads. */
import { availableParallelism } from "node:os";

import { getLlama, LlamaLogLevel, type Llama } from "node-llama-cpp";

import { EngineError, errorMessage } from "../../core/errors.ts";

export type GpuOption = false | "auto";

export interface Runtime {
  readonly llama: Llama;
  /** Forgets the log lines of llama.cpp so far. The returned function gives those since then: only they say why a load failed. */
  listen(): () => string;
}

const MAX_COMPLAINTS = 6;
const runtimes = new Map<GpuOption, Promise<Runtime>>();

/**
 * Starts llama.cpp at the first call and keeps it for the life of the process. A start takes half a second or more, since the library
 * first tests its binary in another process. It works offline: nothing is built or downloaded. It does not keep the process alive.
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
    // The library's default of 4 is very slow on machines with fewer cores.
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
