/**
 * `npm run bench:learning`: what reinforcement learning adds, with controls. For each training seed the small model learns to offload as
 * `splitreason micro learn` does it, and in the ways that this has to beat; then all checkpoints solve the same test problems.
 * Hours, not minutes. Every stage goes on from its folder. `--train N` trains one seed only, and `--runs` says what of it: several such
 * processes can run at once. `--evaluate` evaluates the checkpoints that are there.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { readProvenance } from "../src/core/provenance.ts";
import { evaluateSeed, type SeedFigures } from "./learning/evaluate.ts";
import { formatFigures, pool } from "./learning/report.ts";
import { RUNS, trainSeed } from "./learning/train.ts";

const { values: options } = parseArgs({
  options: {
    seeds: { type: "string", default: "1,2,3" },
    problems: { type: "string", default: "1000" },
    threads: { type: "string", default: "2" },
    work: { type: "string", default: "runs/learning" },
    train: { type: "string" },
    runs: { type: "string", default: "ours,paper,random-spans" },
    evaluate: { type: "boolean", default: false },
  },
});
const work = options.work;
const threads = Number(options.threads);
const seeds = options.seeds.split(",").map(Number);
const runs = RUNS.filter((name) => options.runs.split(",").includes(name));

if (!options.evaluate) {
  for (const seed of options.train === undefined ? seeds : [Number(options.train)]) {
    await trainSeed(seed, { work, threads, runs });
  }
}
if (options.train === undefined) {
  const perSeed: SeedFigures[] = [];
  for (const seed of seeds) {
    perSeed.push(await evaluateSeed(seed, { work, problems: Number(options.problems) }));
  }
  const pooled = pool(perSeed);
  const document = {
    seeds,
    problems: Number(options.problems),
    ...(await readProvenance()),
    pooled,
    perSeed,
  };
  await mkdir(work, { recursive: true });
  await writeFile(join(work, "figures.json"), `${JSON.stringify(document, undefined, 2)}\n`);
  console.log(formatFigures(pooled, perSeed));
  console.log(JSON.stringify({ ...document, perSeed: undefined }));
}
process.exit(0);
