/**
 * `npm run bench:annotation-quality`: what `gap` finds on the micro domain, where the generator knows which parts are hard (products).
 * Token-level precision, recall and F1 of `gap` and `entropy` spans; then the small model before tuning is tuned once on `gap` spans and once
 * on the true ones, all else equal, and both solve the same problems with the big model: paired difference with its 95% interval.
 * Trainings and evaluations are kept in `--work` and go on where they were stopped; `--only-spans` leaves them out.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { systemClock } from "../src/core/clock.ts";
import { writeFileAtomic } from "../src/core/files.ts";
import { toJsonLines } from "../src/core/json-lines.ts";
import { readProvenance } from "../src/core/provenance.ts";
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

const { values } = parseArgs({
  options: {
    traces: { type: "string", default: "12000" },
    share: { type: "string", default: "0.06" },
    steps: { type: "string", default: "4500" },
    problems: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    threads: { type: "string", default: "1" },
    work: { type: "string", default: "runs/annotation-quality" },
    "only-spans": { type: "boolean", default: false },
  },
});
const [traces, share, steps, problems, seed, threads] = [
  values.traces,
  values.share,
  values.steps,
  values.problems,
  values.seed,
  values.threads,
].map(Number) as [number, number, number, number, number, number];

const BIG = "gguf:models/micro/big/model.gguf";
const interrupt = new AbortController();
process.once("SIGINT", () => interrupt.abort(new Error("stopped; the same command goes on")));
const { signal } = interrupt;
const log = (text: string): void => void process.stderr.write(`${text}\n`);
const percent = (value: number): string => `${(100 * value).toFixed(1)}%`;

await mkdir(values.work, { recursive: true });
log(`annotating ${traces} traces`);
const annotations = await annotateMicroTraces({ traces, share, seed, signal });
const spans = {
  gap: overlapOf(annotations.truth, annotations.gap),
  entropy: overlapOf(annotations.truth, annotations.entropy),
};
console.log(
  `${traces} micro traces, spans wanted ${percent(share)} of the tokens, seed ${seed}; tokens of the small model`,
);
console.log("            precision  recall    F1      share of tokens   products touched");
for (const [name, { precision, recall, f1, share: marked, touched }] of Object.entries(spans)) {
  console.log(
    `  ${name.padEnd(9)} ${percent(precision).padStart(7)}  ${percent(recall).padStart(8)}  ${f1.toFixed(3)}   ${percent(marked).padStart(8)}   ${percent(touched).padStart(12)}`,
  );
}
console.log(`  true spans ${percent(spans.gap.trueShare)} of the tokens`);

const trained = values["only-spans"] ? undefined : await compareTuning(annotations);
console.log(
  JSON.stringify({
    benchmark: "annotation-quality",
    traces,
    share,
    seed,
    spans,
    trained,
    ...(await readProvenance()),
  }),
);

async function compareTuning(rows: MicroAnnotations) {
  const [onGap, onTruth] = [await tuned("gap", rows.gap), await tuned("truth", rows.truth)];
  const [gap, truth] = [await solved("gap", onGap), await solved("truth", onTruth)];
  const comparison = compareArms(gap.correct, truth.correct, createRng(seed));
  const [low, high] = comparison.ci95;
  console.log(`tuned for ${steps} steps of 8 traces each; ${problems} problems, greedy, with the big model`);
  console.log(
    `  on gap spans   ${percent(gap.accuracy)} right, ${percent(gap.offloadShare)} of the tokens by the big model`,
  );
  console.log(`  on true spans  ${percent(truth.accuracy)} right, ${percent(truth.offloadShare)}`);
  console.log(
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
  const data = join(values.work, `${name}.jsonl`);
  await writeFileAtomic(data, toJsonLines(rows));
  const config = sftConfigSchema.parse({
    data,
    model: "models/micro/small-base",
    rows: 8,
    threads,
    training: { steps, seed, learningRate: 2e-3, beta2: 0.99, warmupSteps: 20 },
  });
  log(`tuning on ${name} spans`);
  const result = await sft(config, join(values.work, name), {
    signal,
    onStep: ({ step, loss, secondsLeft }) => {
      if (step % 250 === 0)
        log(`  ${name}: step ${step}, loss ${loss.toFixed(4)}, ${Math.round(secondsLeft)} s left`);
    },
  });
  if (result.model === undefined) throw new Error("stopped; the same command goes on");
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
      out: join(values.work, `eval-${name}`),
    },
    { clock: systemClock, signal },
  );
  const correct = rows
    .toSorted((left, right) => (left.problemId < right.problemId ? -1 : 1))
    .map((row) => [row.correct]);
  const [arm] = summary.arms;
  return { correct, accuracy: arm?.accuracy ?? NaN, offloadShare: arm?.offloadShare ?? NaN };
}
