/**
 * `npm run bench:rollout`: how fast rollouts of reinforcement learning are. Generated tokens per second through the split decoder, ledger and
 * all, against one engine that decodes as many tokens in as many sequences and does nothing else. The two take turns.
 */
import { parseArgs } from "node:util";

import { readProvenance } from "../src/core/provenance.ts";
import { learned, SplitDecoder } from "../src/decode/index.ts";
import { MICRO_PAIR } from "../src/decode/pair/pair-config.ts";
import { Pair } from "../src/decode/pair/pair.ts";
import type { Engine } from "../src/engines/engine.ts";
import { microProblems } from "../src/recipes/reinforce/problems.ts";
import { rollOut, type RolloutProblem } from "../src/train/grpo/rollout.ts";
import { tokenId } from "../src/core/ids.ts";
import { median } from "./support/rounds.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    problems: { type: "string", default: "8" },
    members: { type: "string", default: "8" },
    concurrency: { type: "string", default: "32" },
  },
});
const [rounds, count, members, concurrency] = [
  options.rounds,
  options.problems,
  options.members,
  options.concurrency,
].map(Number) as [number, number, number, number];

// By path: compiled benchmarks lie elsewhere than the package.
const models = { small: "gguf:models/micro/small/model.gguf", big: "gguf:models/micro/big/model.gguf" };
const pair = await Pair.open({ ...MICRO_PAIR, ...models }, { threads: 1, sequences: concurrency });
const { small, big } = pair.both;
const decoder = new SplitDecoder({ small, big });
const source = microProblems(pair, 1);

interface Speed {
  readonly tokensPerSecond: number;
  readonly tokens: number;
  readonly bigTokens: number;
}

async function rollouts(problems: readonly RolloutProblem[], seed: number): Promise<Speed> {
  const startMs = performance.now();
  const groups = await rollOut(problems, {
    decoders: [decoder],
    policy: learned(),
    ids: { open: tokenId(-1), close: tokenId(-2), endOfTurn: tokenId(-3) },
    members,
    maxTokens: 320,
    seed,
    concurrency,
  });
  const facts = groups.flatMap(({ rollouts }) => rollouts.map((rollout) => rollout.facts));
  const bigTokens = facts.reduce((sum, one) => sum + one.bigTokens, 0);
  const tokens = facts.reduce((sum, one) => sum + one.smallTokens, bigTokens);
  return { tokensPerSecond: (tokens * 1000) / (performance.now() - startMs), tokens, bigTokens };
}

const MOST_ATTEMPTS = 200;

/** The same prompts, as many sequences at once, until as many tokens are written. */
async function raw(engine: Engine, problems: readonly RolloutProblem[], tokens: number): Promise<number> {
  const each = Math.ceil(tokens / (problems.length * members));
  const jobs = problems.flatMap((problem) => Array.from({ length: members }, () => problem));
  let next = 0;
  let written = 0;
  const startMs = performance.now();
  const work = async (): Promise<void> => {
    for (let index = next++; index < jobs.length; index = next++) {
      await using sequence = await engine.open();
      await sequence.append(jobs[index]?.prompt.prompt ?? []);
      let left = each;
      // A turn that ends is gone on with: each attempt draws anew.
      for (let attempt = 0; left > 0 && attempt < MOST_ATTEMPTS; attempt++) {
        const sampling = { temperature: 1, seed: index + 1000 * attempt };
        for await (const event of sequence.generate({ maxTokens: left, sampling })) {
          if (event.type === "token") {
            left--;
            written++;
          } else if (event.reason === "context-full") left = 0;
        }
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return (written * 1000) / (performance.now() - startMs);
}

const ours: number[] = [];
const theirs: number[] = [];
const ratios: number[] = [];
const shares: number[] = [];
try {
  for (let round = 0; round <= rounds; round++) {
    const problems = source.training(round, count);
    const made = await rollouts(problems, round);
    const plain = await raw(small, problems, made.tokens);
    // The first round warms up.
    if (round === 0) continue;
    ours.push(made.tokensPerSecond);
    theirs.push(plain);
    ratios.push(made.tokensPerSecond / plain);
    shares.push(made.bigTokens / made.tokens);
  }
} finally {
  await pair.close();
}
const whole = (value: number): string => Math.round(value).toLocaleString("en");
console.log(
  `rollouts on the micro pair: ${count} problems x ${members}, ${concurrency} in flight, temperature 1`,
);
console.log(
  `  rollouts     ${whole(median(ours))} tokens/s (${(median(shares) * 100).toFixed(1)}% by the big model)`,
);
console.log(`  raw engine   ${whole(median(theirs))} tokens/s (the small model alone, one thread)`);
console.log(
  `  ratio        ${median(ratios).toFixed(2)} (rounds: ${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`,
);
console.log(
  JSON.stringify({
    benchmark: "rollout",
    rounds,
    problems: count,
    members,
    concurrency,
    rolloutTokensPerSecond: median(ours),
    rawTokensPerSecond: median(theirs),
    ratio: median(ratios),
    ratios,
    offloadShare: median(shares),
    ...(await readProvenance()),
  }),
);
