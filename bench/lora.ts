/**
 * `npm run bench:lora`: LoRA over a frozen base of half a billion parameters, tokens per CPU second and peak memory, on one thread. It is
 * compared with PyTorch + PEFT in float32 and bfloat16. Every turn is a process of its own, so that peaks are its own.
 */
import { spawn } from "node:child_process";

import { openBenchmark, wholeText } from "./support/benchmark.ts";
import { count, flag, someOf } from "./support/options.ts";
import { inTurns, median, ratiosOf, spreadOf, spreadText } from "./support/rounds.ts";
import { type Measurement, measureOurs, MODEL } from "./lora/ours.ts";
import { preparePytorch, PYTHON } from "./train/pytorch.ts";

const CONTENDERS = ["ours", "float32", "bfloat16"] as const;
type Contender = (typeof CONTENDERS)[number];

const { options, say, report } = openBenchmark({
  name: "lora",
  about:
    "Training a LoRA adapter over a frozen model, against PyTorch + PEFT: tokens per CPU second, and memory.",
  options: {
    rounds: count(2, "rounds"),
    steps: count(1, "training steps of a round, after one to warm up"),
    layers: count(24, "layers of the model"),
    rows: count(4, "rows in a step"),
    rowLength: count(512, "tokens in a row"),
    microRows: count(2, "rows that PyTorch takes at a time; ours takes 1,024 tokens"),
    rank: count(16, "rank of the adapter"),
    only: someOf(CONTENDERS, "contenders"),
    here: flag("measure ours once, in this process, and print it: how the rounds start it"),
  },
});
const { rounds, steps, layers, rows, rowLength, microRows, rank, only } = options;
const work = { layers, rows, rowLength, rank, alpha: 2 * rank, steps };
const tokens = steps * rows * rowLength;

if (options.here) {
  console.log(JSON.stringify(await measureOurs(work)));
  process.exit(0);
}

/** Runs a program to its end; the last line of its output is its measurement. */
function measured(command: string, parameters: readonly string[], input: string): Promise<Measurement> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters, {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, OMP_NUM_THREADS: "1", HF_HUB_OFFLINE: "1" },
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    child.on("error", reject);
    child.on("close", (status, signal) => {
      const line = output.trimEnd().split("\n").at(-1) ?? "";
      if (status === 0) resolve(JSON.parse(line) as Measurement);
      else reject(new Error(`${command} ended with ${status ?? signal}`));
    });
    child.stdin.end(input);
  });
}

const own = process.argv.slice(2);
const arms: Record<Contender, () => Promise<Measurement>> = {
  ours: () => measured(process.execPath, [process.argv[1] ?? "", ...own, "--here"], ""),
  float32: () => peft("float32"),
  bfloat16: () => peft("bfloat16"),
};
const peft = (type: string): Promise<Measurement> =>
  measured(
    PYTHON,
    ["-W", "ignore", "bench/lora/pytorch_lora.py"],
    JSON.stringify({ ...MODEL, ...work, microRows, type }),
  );

if (only.some((one) => one !== "ours")) preparePytorch();
const results = await inTurns(Object.fromEntries(only.map((name) => [name, arms[name]])), { rounds });
const speeds = new Map(
  only.map((name) => [name, (results[name] ?? []).map(({ cpuSeconds }) => tokens / cpuSeconds)] as const),
);
const NAMES: Record<Contender, string> = {
  ours: "splitreason, float32",
  float32: "PyTorch + PEFT, float32",
  bfloat16: "PyTorch + PEFT, bfloat16",
};
say(`${rows} x ${rowLength} tokens, ${layers} layers, rank ${rank}, one thread`);
const rowsOfCard = only.map((name) => {
  const measurements = results[name] ?? [];
  const row = {
    contender: name,
    tokensPerCpuSecond: median(speeds.get(name) ?? []),
    tokensPerSecond: median(measurements.map(({ seconds }) => tokens / seconds)),
    peakGB: Math.max(...measurements.map(({ peakBytes }) => peakBytes / 1e9)),
    trained: measurements[0]?.trained,
  };
  say(
    `  ${NAMES[name].padEnd(26)}${row.tokensPerCpuSecond.toFixed(1)} tokens/CPU s, ${row.tokensPerSecond.toFixed(1)} tokens/s, ` +
      `peak ${row.peakGB.toFixed(2)} GB, ${wholeText(row.trained ?? 0)} trained`,
  );
  return row;
});
const [ours, theirs] = [speeds.get("ours"), speeds.get("float32")];
const ratio = ours === undefined || theirs === undefined ? null : spreadOf(ratiosOf(ours, theirs));
if (ratio !== null) say(`  ratio to float32          ${spreadText(ratio)}`);
await report({ ...work, rounds, microRows, results: rowsOfCard, ratio });
