/**
 * `npm run bench:train`: the speed of the embedded trainer in tokens per second. It is compared with the machine's own matrix-multiply
 * speed, and with PyTorch on the CPU: the same model on the same batches with the same number of threads. Ratios are medians over
 * rounds.
 */
import { availableParallelism } from "node:os";

import { parameterCount } from "../src/train/model/parameters.ts";
import { EmbeddedTrainer } from "../src/train/trainers/embedded/embedded-trainer.ts";
import { openBenchmark, percentText } from "./support/benchmark.ts";
import { count, counts, flag } from "./support/options.ts";
import { inTurns, median, ratiosOf, type Spread, spreadOf, spreadText } from "./support/rounds.ts";
import { createCeiling } from "./train/ceiling.ts";
import { preparePytorch, Pytorch } from "./train/pytorch.ts";
import {
  ADAM,
  BATCH_TOKENS,
  createData,
  createWorkload,
  flopsPerToken,
  SEED,
  type Workload,
} from "./train/workload.ts";

const { options, say, report } = openBenchmark({
  name: "train",
  about:
    "The embedded trainer's speed, against PyTorch on the same batches and against the machine's own matrix products.",
  options: {
    rounds: count(7, "rounds"),
    steps: count(4, "training steps of a round"),
    threads: counts([1, Math.min(2, availableParallelism())], "numbers of threads, one comparison each"),
    noPytorch: flag("leave PyTorch out"),
  },
});
const { rounds, steps } = options;
const threadCounts = [...new Set(options.threads)];
const WARM_UP_STEPS = 2;
/** Lets the threads of whoever had the last turn go to sleep. */
const PAUSE_MS = 250;

interface Result {
  readonly model: string;
  readonly parameters: number;
  readonly threads: number;
  readonly tokensPerSecond: number;
  readonly pytorch: {
    readonly version: string;
    readonly microRows: number;
    readonly tokensPerSecond: number;
  } | null;
  /** Our speed to PyTorch's, within rounds. */
  readonly ratio: Spread | null;
  readonly ceilingGflops: number;
  readonly shareOfCeiling: number;
  readonly lossBeforeAndAfter: readonly [number, number];
}

async function compare(workload: Workload, threads: number): Promise<Result> {
  const trainer = await EmbeddedTrainer.create({
    config: workload.config,
    seed: SEED,
    threads,
    rowLength: workload.rowLength,
  });
  const data = createData(workload);
  const firstLoss = (await trainer.trainStep(data, "cross_entropy", ADAM)).lossSum;
  let lastLoss = firstLoss;
  const ours = async (count: number): Promise<number> => {
    const start = performance.now();
    for (let step = 0; step < count; step++) {
      lastLoss = (await trainer.trainStep(data, "cross_entropy", ADAM)).lossSum;
    }
    return (count * BATCH_TOKENS * 1000) / (performance.now() - start);
  };
  await ours(WARM_UP_STEPS);
  const pytorch = options.noPytorch ? undefined : await fasterPytorch(workload, threads);
  const ceiling = await createCeiling(threads);
  const flops = flopsPerToken(workload);
  const speeds = await inTurns(
    {
      ours: () => ours(steps),
      ...(pytorch === undefined
        ? {}
        : {
            theirs: async () => (steps * BATCH_TOKENS) / (await pytorch.process.train(steps)).seconds,
          }),
      ceiling: () => ceiling.measure(),
    },
    { rounds, pauseMs: PAUSE_MS },
  );
  await ceiling.close();
  await pytorch?.process.close();
  await trainer.close();
  return {
    model: workload.name,
    parameters: parameterCount(workload.config),
    threads,
    tokensPerSecond: Math.round(median(speeds.ours)),
    pytorch: pytorch
      ? {
          version: pytorch.process.version,
          microRows: pytorch.microRows,
          tokensPerSecond: Math.round(median(speeds.theirs ?? [])),
        }
      : null,
    ratio: pytorch ? spreadOf(ratiosOf(speeds.ours, speeds.theirs ?? [])) : null,
    ceilingGflops: median(speeds.ceiling),
    shareOfCeiling: (flops / 1e9) * median(ratiosOf(speeds.ours, speeds.ceiling)),
    lossBeforeAndAfter: [firstLoss, lastLoss],
  };
}

/** PyTorch with the whole batch at once or in micro-batches of 1,024 tokens, whichever is faster here. */
async function fasterPytorch(
  workload: Workload,
  threads: number,
): Promise<{ process: Pytorch; microRows: number }> {
  let best: { process: Pytorch; microRows: number; seconds: number } | undefined;
  for (const microRows of [workload.rows, 1024 / workload.rowLength]) {
    const process = await Pytorch.start(workload, threads, microRows);
    if (process.parameters !== parameterCount(workload.config)) {
      throw new Error(`PyTorch's model has ${process.parameters} parameters: the two are not the same.`);
    }
    await process.train(WARM_UP_STEPS);
    const { seconds } = await process.train(steps);
    if (best && best.seconds <= seconds) await process.close();
    else {
      await best?.process.close();
      best = { process, microRows, seconds };
    }
  }
  if (!best) throw new Error("no PyTorch process was started.");
  return best;
}

function card({ model, parameters, threads, tokensPerSecond, pytorch, ratio, ...rest }: Result): string {
  const lines = [
    `${model} (${(parameters / 1e6).toFixed(2)}M parameters), ${threads} thread${threads > 1 ? "s" : ""}`,
    `  splitreason   ${tokensPerSecond.toLocaleString("en")} tokens/s`,
  ];
  if (pytorch && ratio) {
    lines.push(
      `  PyTorch       ${pytorch.tokensPerSecond.toLocaleString("en")} tokens/s (${pytorch.version}, ${pytorch.microRows} rows at a time)`,
      `  ratio         ${spreadText(ratio)}`,
    );
  }
  lines.push(
    `  of ceiling    ${percentText(rest.shareOfCeiling, 0)} of ${rest.ceilingGflops.toFixed(0)} GFLOP/s`,
  );
  return lines.join("\n");
}

if (!options.noPytorch) preparePytorch();
const workloads = [createWorkload(64, 2, 128), createWorkload(128, 3, 256), createWorkload(192, 4, 256)];
const results: Result[] = [];
for (const threads of threadCounts) {
  for (const workload of workloads) {
    const result = await compare(workload, threads);
    results.push(result);
    say(`${card(result)}\n`);
  }
}
await report({
  seed: SEED,
  rounds,
  steps,
  batchTokens: BATCH_TOKENS,
  results,
});
