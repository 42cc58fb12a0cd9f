/**
 * An evaluation without models, as a process that can be killed: `node fake-run.mjs FOLDER CONCURRENCY HANG_AT`. After HANG_AT rows no sample ends
 * any more, so that a kill never comes too late. At its end it prints the digest of the rows.
 */
import { setTimeout as sleep } from "node:timers/promises";

import { createRng } from "../../dist/core/rng.js";
import { parseArms } from "../../dist/eval/arms/arms.js";
import { Journal } from "../../dist/eval/run/journal.js";
import { rowsDigest } from "../../dist/eval/row.js";
import { runEvaluation } from "../../dist/eval/run/runner.js";
import { microTask } from "../../dist/eval/tasks/micro.js";

const [folder, concurrency, hangAt] = process.argv.slice(2);
const journal = await Journal.open(folder, { configHash: "fake", config: {} });
const luck = createRng(Math.floor(performance.now() * 1000) % 2 ** 31);
let done = journal.kept.length;

const solve = async ({ arm, problem, seed, share = 0.05 }) => {
  await sleep(luck.integer(0, 4));
  if (done >= Number(hangAt)) await new Promise((resolve) => setTimeout(resolve, 2 ** 30));
  const rng = createRng(seed).fork(arm.name);
  const tokens = rng.integer(100, 200);
  const bigTokens = Math.round(tokens * share * (0.5 + rng.next()));
  const text = `${"größer als 三 — ".repeat(rng.integer(1, 400))}\\boxed{${rng.next() < 0.5 ? problem.gold : "-1"}}`;
  const work = {
    prefilled: luck.integer(1, 9),
    scored: 0,
    decoded: tokens,
    calls: 1,
    discarded: luck.integer(0, 9),
  };
  return {
    text,
    segments: [{ author: "small", text, tokens, reason: "start" }],
    usage: {
      promptTokens: 40,
      smallTokens: tokens - bigTokens,
      bigTokens,
      tagTokens: 0,
      discardedTokens: work.discarded,
      switches: 1,
      offloadShare: bigTokens / tokens,
    },
    handoffsMs: [luck.next()],
    work: { small: work, big: work },
    finishReason: "end-of-turn",
  };
};

const plan = {
  task: microTask,
  arms: parseArms("learned,random~learned,never"),
  problems: await microTask.problems(40, 1),
  samples: 2,
  seed: 9,
};
const rows = await runEvaluation(plan, {
  solve,
  concurrency: Number(concurrency),
  clock: { nowMs: () => performance.now(), isoNow: () => "" },
  signal: new AbortController().signal,
  journal,
  onRow: () => {
    done += 1;
  },
});
await journal.finish(rows, {}, { apart: true });
process.stdout.write(rowsDigest(rows));
