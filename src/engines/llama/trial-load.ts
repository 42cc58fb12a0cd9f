/**
 * Loads a model once in another process. A fault that the header does not show then ends that process, not this one. Files that passed are
 * remembered by path, size and time of change for the life of this process.
 */
import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { DataError } from "../../core/errors.ts";
import { checkGguf } from "../../formats/gguf/index.ts";

const passed = new Set<string>();
const LONGEST_MS = 10 * 60_000;
const MAX_OUTPUT = 16_384;
/** The folder from which bare imports find the dependencies of this package. */
const packageFolder = fileURLToPath(new URL("../../..", import.meta.url));

/** A program that reads one token: it loads the file, makes a context and runs a forward pass. */
const PROGRAM = `
// The library starts another process with these arguments, to test its binary.
process.execArgv = [];
const { getLlama } = await import("node-llama-cpp");
const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, maxThreads: 1, logLevel: "error", progressLogs: false });
const model = await llama.loadModel({ modelPath: process.env.SPLITREASON_TRIAL_MODEL, gpuLayers: 0, checkTensors: true });
const context = await model.createContext({ contextSize: 64, batchSize: 16, threads: 1, failedCreationRemedy: false });
const options = { generateNext: { token: true, totalLogitWeight: true, options: { temperature: 0 } } };
const tokens = model.tokenize("a 1", false);
const [result] = await context.getSequence().controlledEvaluate([[tokens[0], options]]);
if (!Number.isFinite(result.next.totalLogitWeight)) throw new Error("its outputs are not numbers");
process.stdout.write("sound");
process.exit(0);
`;

/** Loads a file in another process. @throws DataError `file-invalid` if the file fails the check or the trial. */
export async function trialLoad(path: string, signal?: AbortSignal): Promise<void> {
  const { size, mtimeMs } = statSync(path);
  const key = `${resolve(path)}:${size}:${mtimeMs}`;
  if (passed.has(key)) return;
  checkGguf(path);
  const { code, output } = await runTrial(path, signal);
  if (code === 0 && output.endsWith("sound")) {
    passed.add(key);
    return;
  }
  const lines = output.split("\n").filter((line) => line.trim() !== "");
  const reason = lines.findLast((line) => /error|assert/iu.test(line)) ?? lines.at(-1) ?? "";
  throw new DataError(`${path} cannot be loaded: in a trial llama.cpp ended with ${code}. ${reason}`.trim(), {
    code: "file-invalid",
  });
}

function runTrial(
  path: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly code: number | string; readonly output: string }> {
  return new Promise((accept, reject) => {
    const child = spawn(process.execPath, ["--input-type=module", "--eval", PROGRAM], {
      cwd: packageFolder,
      env: { ...process.env, SPLITREASON_TRIAL_MODEL: resolve(path), NODE_OPTIONS: "" },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: LONGEST_MS,
      ...(signal === undefined ? {} : { signal }),
    });
    let output = "";
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString("utf8")).slice(-MAX_OUTPUT);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.once("error", reject);
    child.once("close", (code, killedBy) => accept({ code: code ?? killedBy ?? "no status", output }));
  });
}
