/** The one llama.cpp of this process, shared by all engines: its threads are divided among the models that run at the same time. */
import { availableParallelism } from "node:os";

import { getLlama, LlamaLogLevel, type Llama } from "node-llama-cpp";

import { EngineError, errorMessage } from "../../core/errors.ts";

export type GpuOption = false | "auto";

interface Runtime {
  readonly llama: Promise<Llama>;
  /** The last complaints of llama.cpp, which says why a load failed only there. */
  readonly complaints: string[];
  users: number;
}

const MOST_COMPLAINTS = 6;
const runtimes = new Map<GpuOption, Runtime>();

export interface RuntimeLease {
  readonly llama: Llama;
  /** Forgets old complaints; the returned function gives those since then, on one line. */
  listen(): () => string;
  release(): Promise<void>;
}

/** Starts llama.cpp when nobody did before. Works offline: nothing is built or downloaded. */
export async function leaseRuntime(gpu: GpuOption): Promise<RuntimeLease> {
  let runtime = runtimes.get(gpu);
  if (runtime === undefined) {
    runtime = start(gpu);
    runtimes.set(gpu, runtime);
  }
  runtime.users++;
  const { complaints } = runtime;
  let released = false;
  const release = async () => {
    if (released) return;
    released = true;
    runtime.users--;
    if (runtime.users > 0) return;
    runtimes.delete(gpu);
    await (await runtime.llama).dispose();
  };
  try {
    const llama = await runtime.llama;
    return {
      llama,
      listen: () => {
        complaints.length = 0;
        return () => complaints.join("; ");
      },
      release,
    };
  } catch (error) {
    runtimes.delete(gpu);
    throw new EngineError(`llama.cpp cannot be started: ${errorMessage(error)}`, {
      code: "engine-unavailable",
      cause: error,
    });
  }
}

function start(gpu: GpuOption): Runtime {
  const complaints: string[] = [];
  const llama = getLlama({
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
      if (complaints.length > MOST_COMPLAINTS) complaints.shift();
    },
  });
  return { llama, complaints, users: 0 };
}
