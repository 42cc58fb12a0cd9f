/**
 * `npm run bench:rollout`: how fast rollouts of reinforcement learning are. Generated tokens per second through the split decoder, ledger and
 * all, against one engine that decodes as many tokens in as many sequences and does nothing else. The two take turns.
 */
import { learned, SplitDecoder } from "../src/decode/index.ts";
import { MICRO_PAIR } from "../src/decode/pair/pair-config.ts";
import { Pair } from "../src/decode/pair/pair.ts";
import type { Engine } from "../src/engines/engine.ts";
import { microProblems } from "../src/recipes/reinforce/problems.ts";
import { rollOut, type RolloutProblem } from "../src/train/grpo/rollout.ts";
import { tokenId } from "../src/core/ids.ts";
import { openBenchmark, percentText, wholeText } from "./support/benchmark.ts";
import { count } from "./support/options.ts";
import { inTurns, median, ratiosOf, spreadOf, spreadText } from "./support/rounds.ts";

const { options, say, report } = openBenchmark({
  name: "rollout",
  about:
    "How fast rollouts of reinforcement learning are: through the split decoder, and by one engine that only decodes.",
  options: {
    rounds: count(5, "rounds"),
    problems: count(8, "problems of a round"),
    members: count(8, "samples of each problem"),
    concurrency: count(32, "sequences at the same time"),
  },
});
const { rounds, problems: problemCount, members, concurrency } = options;

// By path: compiled benchmarks lie elsewhere than the package.
const models = { small: "gguf:models/micro/small/model.gguf", big: "gguf:models/micro/big/model.gguf" };
await using pair = await Pair.open({ ...MICRO_PAIR, ...models }, { threads: 1, sequences: concurrency });
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
    groupSize: members,
    maxTokens: 320,
    seed,
    concurrency,
  });
  const facts = groups.flatMap(({ rollouts }) => rollouts.map((rollout) => rollout.facts));
  const bigTokens = facts.reduce((sum, one) => sum + one.bigTokens, 0);
  const tokens = facts.reduce((sum, one) => sum + one.smallTokens, bigTokens);
  return { tokensPerSecond: (tokens * 1000) / (performance.now() - startMs), tokens, bigTokens };
}

const MAX_ATTEMPTS = 200;

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
      // A turn that ends is continued: each attempt draws again.
      for (let attempt = 0; left > 0 && attempt < MAX_ATTEMPTS; attempt++) {
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

let problems: readonly RolloutProblem[] = [];
let made: Speed | undefined;
const { ours, raw: theirs } = await inTurns(
  {
    ours: async (round) => {
      problems = source.training(round + 1, problemCount);
      return (made = await rollouts(problems, round + 1));
    },
    raw: () => raw(small, problems, made?.tokens ?? 0),
  },
  // The raw engine writes as many tokens as the rollouts of the same round.
  { rounds, warmUp: 1, fixedOrder: true },
);
const speeds = ours.map(({ tokensPerSecond }) => tokensPerSecond);
const ratios = ratiosOf(speeds, theirs);
const share = median(ours.map(({ bigTokens, tokens }) => bigTokens / tokens));
say(
  `rollouts on the micro pair: ${problemCount} problems x ${members}, ${concurrency} in flight, temperature 1`,
);
say(`  rollouts     ${wholeText(median(speeds))} tokens/s (${percentText(share)} by the big model)`);
say(`  raw engine   ${wholeText(median(theirs))} tokens/s (the small model alone, one thread)`);
say(`  ratio        ${spreadText(spreadOf(ratios))}`);
await report({
  rounds,
  problems: problemCount,
  members,
  concurrency,
  rolloutTokensPerSecond: median(speeds),
  rawTokensPerSecond: median(theirs),
  ratio: median(ratios),
  ratios,
  offloadShare: share,
});
