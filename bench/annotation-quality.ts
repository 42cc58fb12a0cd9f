/**
 * `npm run bench:annotation-quality`: what `gap` finds on the micro domain, where the generator knows which parts are hard (products).
 * It prints token-level precision, recall and F1 of `gap` and `entropy` spans. Then the small model before tuning is tuned once on `gap`
 * spans and once on the true ones, all else equal. Both solve the same problems with the big model: paired difference, 95% interval.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { systemClock } from "../src/core/clock.ts";
import { writeFileAtomic } from "../src/core/files.ts";
import { toJsonLines } from "../src/core/json-lines.ts";
import { createRng } from "../src/core/rng.ts";
import { MICRO_PAIR } from "../src/decode/pair/pair-config.ts";
import { evaluate } from "../src/eval/run/evaluate.ts";
import { parseArms } from "../src/eval/arms/arms.ts";
import { compareArms } from "../src/eval/statistics/comparison.ts";
import { microTask } from "../src/eval/tasks/micro.ts";
import type { TraceRow } from "../src/formats/trace-row.ts";
import { sft, sftConfigSchema } from "../src/recipes/supervised/index.ts";
import { annotateMicroTraces, type MicroAnnotations } from "./annotation-quality/annotations.ts";
import { overlapOf } from "./annotation-quality/overlap.ts";
import { openBenchmark, percentText } from "./support/benchmark.ts";
import { amount, count, flag, text } from "./support/options.ts";

const { options, say, report } = openBenchmark({
  name: "annotation-quality",
  about:
    "What the gap annotation finds on the micro domain, where the hard parts are known; then models tuned on its spans and on the true ones.",
  options: {
    traces: count(12_000, "traces that are annotated"),
    share: amount(0.06, "share of the tokens that spans are to cover"),
    steps: count(4500, "training steps of each tuning"),
    problems: count(1000, "problems that the tuned models solve"),
    seed: count(1, "seed of traces, trainings and problems"),
    threads: count(1, "threads of trainings and evaluations"),
    work: text(
      "runs/annotation-quality",
      "folder of trainings and evaluations, which continue where they were stopped",
    ),
    onlySpans: flag("leave out trainings and evaluations"),
  },
});
const { traces, share, steps, problems, seed, threads, work, onlySpans } = options;

const BIG = "gguf:models/micro/big/model.gguf";
const interrupt = new AbortController();
process.once("SIGINT", () => interrupt.abort(new Error("stopped; the same command continues")));
const { signal } = interrupt;
const log = (line: string): void => void process.stderr.write(`${line}\n`);

await mkdir(work, { recursive: true });
log(`annotating ${traces} traces`);
const annotations = await annotateMicroTraces({ traces, share, seed, signal });
const spans = {
  gap: overlapOf(annotations.truth, annotations.gap),
  entropy: overlapOf(annotations.truth, annotations.entropy),
};
say(
  `${traces} micro traces, spans wanted ${percentText(share)} of the tokens, seed ${seed}; tokens of the small model`,
);
say("            precision  recall    F1      share of tokens   products touched");
for (const [name, { precision, recall, f1, share: marked, touched }] of Object.entries(spans)) {
  say(
    `  ${name.padEnd(9)} ${percentText(precision).padStart(7)}  ${percentText(recall).padStart(8)}  ${f1.toFixed(3)}   ${percentText(marked).padStart(8)}   ${percentText(touched).padStart(12)}`,
  );
}
say(`  true spans ${percentText(spans.gap.trueShare)} of the tokens`);

const trained = onlySpans ? undefined : await compareTuning(annotations);
await report({ traces, share, seed, spans, trained });

async function compareTuning(rows: MicroAnnotations) {
  const [onGap, onTruth] = [await tuned("gap", rows.gap), await tuned("truth", rows.truth)];
  const [gap, truth] = [await solved("gap", onGap), await solved("truth", onTruth)];
  const comparison = compareArms(gap.correct, truth.correct, createRng(seed));
  const [low, high] = comparison.ci95;
  say(`tuned for ${steps} steps of 8 traces each; ${problems} problems, greedy, with the big model`);
  say(
    `  on gap spans   ${percentText(gap.accuracy)} right, ${percentText(gap.offloadShare)} of the tokens by the big model`,
  );
  say(`  on true spans  ${percentText(truth.accuracy)} right, ${percentText(truth.offloadShare)}`);
  say(
    `  difference     ${(100 * comparison.difference).toFixed(1)} points, 95% ${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)}, p ${comparison.pValue.toPrecision(2)}`,
  );
  return {
    steps,
    problems,
    gap: { accuracy: gap.accuracy, offloadShare: gap.offloadShare },
    truth: { accuracy: truth.accuracy, offloadShare: truth.offloadShare },
    comparison,
  };
}

/** Path of the tuned model. */
async function tuned(name: string, rows: readonly TraceRow[]): Promise<string> {
  const data = join(work, `${name}.jsonl`);
  await writeFileAtomic(data, toJsonLines(rows));
  const config = sftConfigSchema.parse({
    data,
    model: "models/micro/small-base",
    rows: 8,
    threads,
    training: { steps, seed, learningRate: 2e-3, beta2: 0.99, warmupSteps: 20 },
  });
  log(`tuning on ${name} spans`);
  const result = await sft(config, join(work, name), {
    signal,
    onStep: ({ step, loss, secondsLeft }) => {
      if (step % 250 === 0)
        log(`  ${name}: step ${step}, loss ${loss.toFixed(4)}, ${Math.round(secondsLeft)} s left`);
    },
  });
  if (result.model === undefined) throw new Error("stopped; the same command continues");
  return `gguf:${result.model.gguf}`;
}

async function solved(name: string, small: string) {
  log(`solving with the one tuned on ${name} spans`);
  const { rows, summary } = await evaluate(
    {
      pair: { ...MICRO_PAIR, small, big: BIG },
      task: microTask,
      arms: parseArms("learned"),
      problems,
      samples: 1,
      seed,
      concurrency: 4,
      threads,
      randomChunk: 32,
      out: join(work, `eval-${name}`),
    },
    { clock: systemClock, signal },
  );
  const correct = rows
    .toSorted((left, right) => (left.problemId < right.problemId ? -1 : 1))
    .map((row) => [row.correct]);
  const [arm] = summary.arms;
  return { correct, accuracy: arm?.accuracy ?? NaN, offloadShare: arm?.offloadShare ?? NaN };
}
