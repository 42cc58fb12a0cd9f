/** Loads files in a child process: what becomes of a file that would end the process. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export type LoadOutcome = "loaded" | "refused" | "crashed";

/** Loads each file named on standard input, draws two tokens, and prints `loaded` or `refused`. */
const PROGRAM = `
process.execArgv = [];
const { getLlama } = await import("node-llama-cpp");
const { createInterface } = await import("node:readline");
const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, maxThreads: 1, logLevel: "disabled", progressLogs: false });
console.log("ready");
for await (const path of createInterface({ input: process.stdin })) {
  let model;
  let context;
  let outcome = "refused";
  try {
    model = await llama.loadModel({ modelPath: path, gpuLayers: 0, useMmap: false, checkTensors: true });
    context = await model.createContext({ contextSize: 320, sequences: 2, batchSize: 64, threads: 1, flashAttention: false,
      experimentalKvCacheKeyType: "F32", experimentalKvCacheValueType: "F32", swaFullCache: true, failedCreationRemedy: false });
    const sequence = context.getSequence();
    const tokens = model.tokenize("Hello, w\\u00f6rld 12\\n<think>", false).concat(model.tokenize("<think>a<|im_end|>", true));
    model.detokenize(tokens, true);
    await sequence.evaluateWithoutGeneratingNewTokens(tokens);
    let last = tokens.at(-1);
    for (const temperature of [0, 0.8]) {
      const options = { generateNext: { token: true, totalLogitWeight: true, logits: true, options: { temperature, seed: 1, topP: 0.9 } } };
      const [result] = await sequence.controlledEvaluate([[last, options]]);
      last = result.next.token ?? last;
    }
    model.isEogToken(last);
    void [model.tokens.bos, model.tokens.eos, model.tokens.eot];
    await sequence.eraseContextTokenRanges([{ start: 2, end: 4 }]);
    outcome = "loaded";
  } catch (error) {
    if (process.env.SHOW_ERRORS === "1") console.error(path, error.message);
  }
  try {
    await context?.dispose();
    await model?.dispose();
  } catch {}
  console.log(outcome);
}
process.exit(0);
`;

const packageFolder = fileURLToPath(new URL("../..", import.meta.url));

/** One outcome for each path, in order. After a crash the rest continues in a new process. */
export async function loadInChild(paths: readonly string[]): Promise<LoadOutcome[]> {
  const outcomes: LoadOutcome[] = [];
  while (outcomes.length < paths.length) {
    const rest = paths.slice(outcomes.length);
    const done = await runChild(rest);
    outcomes.push(...done);
    if (done.length < rest.length) outcomes.push("crashed");
  }
  return outcomes;
}

function runChild(paths: readonly string[]): Promise<LoadOutcome[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--input-type=module", "--eval", PROGRAM], {
      cwd: packageFolder,
      env: { ...process.env, NODE_OPTIONS: "" },
      stdio: ["pipe", "pipe", process.env["SHOW_ERRORS"] === "1" ? "inherit" : "ignore"],
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString("utf8");
    });
    child.stdin.on("error", () => {});
    child.once("error", reject);
    child.once("close", () => {
      const lines = output.split("\n").filter((line) => line !== "");
      if (lines[0] === "ready") resolve(lines.slice(1) as LoadOutcome[]);
      else reject(new Error("llama.cpp could not be started in a child process"));
    });
    child.stdin.end(`${paths.join("\n")}\n`);
  });
}
