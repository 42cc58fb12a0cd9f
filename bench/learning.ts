/**
 * `npm run bench:learning`: what reinforcement learning adds, with controls. For each training seed the small model learns to offload as
 * in `splitreason micro learn`, and in the ways that this has to beat. Then all checkpoints solve the same test problems. This takes
 * hours, not minutes. Every stage continues from its folder. `--train N` trains one seed only, and `--runs` names its trainings: several such
 * processes can run at once. `--evaluate` evaluates the checkpoints that are there.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { readProvenance } from "../src/core/provenance.ts";
import { evaluateSeed, type SeedFigures } from "./learning/evaluate.ts";
import { formatFigures, pool } from "./learning/report.ts";
import { RUNS, trainSeed } from "./learning/train.ts";
import { openBenchmark } from "./support/benchmark.ts";
import { count, counts, flag, optionalCount, someOf, text } from "./support/options.ts";

const { options, say, report } = openBenchmark({
  name: "learning",
  about:
    "What reinforcement learning adds, with controls: several trainings of the small model, on the same test problems.",
  options: {
    seeds: counts([1, 2, 3], "training seeds"),
    problems: count(1000, "test problems"),
    threads: count(2, "threads of a training"),
    work: text("runs/learning", "folder of all stages, each of which continues where it was stopped"),
    train: optionalCount("train this seed only, and evaluate nothing"),
    runs: someOf(RUNS, "what is trained of a seed", ["ours", "paper", "random-spans"]),
    evaluate: flag("train nothing; evaluate the checkpoints that are there"),
  },
});
const { work, threads, seeds, runs, problems } = options;

if (!options.evaluate) {
  for (const seed of options.train === undefined ? seeds : [options.train]) {
    await trainSeed(seed, { work, threads, runs });
  }
}
if (options.train === undefined) {
  const perSeed: SeedFigures[] = [];
  for (const seed of seeds) {
    perSeed.push(await evaluateSeed(seed, { work, problems }));
  }
  const pooled = pool(perSeed);
  const figures = { seeds, problems, pooled };
  await mkdir(work, { recursive: true });
  const document = { ...figures, ...(await readProvenance()), perSeed };
  await writeFile(join(work, "figures.json"), `${JSON.stringify(document, undefined, 2)}\n`);
  say(formatFigures(pooled, perSeed));
  await report(figures);
}
process.exit(0);
