/**
 * `npm run bench:pipeline`: what the two pipelined prefills save, over HTTP. Paced servers decode and prefill at a multiple of the paper's
 * speeds, and keep a prefix cache. Traces are scripted, so that every arm writes the same one. Every run has a prompt that is in no
 * cache.
 */
import type { SplitOptionsInput } from "../src/decode/index.ts";
import { openEngine } from "../src/engines/open/open-engine.ts";
import { OUR_OPTIONS, type Run, runOurs } from "./pipeline/ours.ts";
import type { Account } from "./pipeline/paced-server.ts";
import { accountsOf, PAPER_SPEEDS, paceOf, type Role, startPacedPair } from "./pipeline/paper-pair.ts";
import { runAlone, runReference } from "./pipeline/reference.ts";
import { BIG_TOKENS, readTokenizer, SMALL_TOKENS, TOKENIZER_FILE, TRACE } from "./pipeline/trace.ts";
import { openBenchmark, wholeText } from "./support/benchmark.ts";
import { amount, count, oneOf, someOf } from "./support/options.ts";
import { inTurns, median, spreadOf } from "./support/rounds.ts";

const { options, say, report } = openBenchmark({
  name: "pipeline",
  about:
    "What the two pipelined prefills save, over HTTP: paced servers with scripted traces, in several procedures.",
  options: {
    rounds: count(3, "rounds"),
    speedup: amount(10, "how many times as fast as the paper's the paced servers are"),
    dialect: oneOf(["sglang", "vllm"], "what our engines speak"),
    only: someOf(["pipelined", "unpipelined", "reference", "reference-at-once", "alone"], "arms"),
  },
});
const { rounds, speedup, dialect } = options;

const idealMs =
  (1000 * SMALL_TOKENS) / paceOf("small", speedup).decodeTokensPerSecond +
  (1000 * BIG_TOKENS) / paceOf("big", speedup).decodeTokensPerSecond;

const tokenizer = await readTokenizer();
// The reference's procedure speaks SGLang's native dialect; so do we, unless told otherwise.
const servers = await startPacedPair("sglang", speedup);
const others = dialect === "sglang" ? servers : await startPacedPair(dialect, speedup);
const urls = { small: servers.small.url, big: servers.big.url };
const open = (role: Role) =>
  openEngine(
    `openai:${others[role].url}/v1#${role}?dialect=${dialect}&probe=every&template=chatml&tokenizer=${TOKENIZER_FILE}`,
  );
const pair = { small: await open("small"), big: await open("big") };

let run = 0;
const ours = (options: SplitOptionsInput) => () => runOurs(pair, tokenizer, run++, options);
const reference = (atOnce: boolean) => () => runReference(urls, tokenizer, run++, atOnce);
const ARMS = [
  { name: "pipelined", title: "(1) ours, both prefills", servers: others, go: ours(OUR_OPTIONS.pipelined) },
  { name: "unpipelined", title: "(2) ours without them", servers: others, go: ours(OUR_OPTIONS.unpipelined) },
  { name: "reference", title: "(3) the reference's procedure", servers, go: reference(false) },
  { name: "reference-at-once", title: "(3') its 64 prompts at once", servers, go: reference(true) },
  { name: "alone", title: "each model alone, measured", servers, go: () => runAlone(urls, tokenizer, run++) },
];
const wanted = new Set<string>(options.only);

interface Sample extends Run {
  readonly small: Account;
  readonly big: Account;
}

const difference = (after: Account, before: Account): Account => ({
  prefilled: after.prefilled - before.prefilled,
  cached: after.cached - before.cached,
  decoded: after.decoded - before.decoded,
  abandoned: after.abandoned - before.abandoned,
  requests: after.requests - before.requests,
});

async function measured({ servers: asked, go }: (typeof ARMS)[number]): Promise<Sample> {
  const before = await accountsOf(asked);
  const result = await go();
  const after = await accountsOf(asked);
  return {
    ...result,
    small: difference(after.small, before.small),
    big: difference(after.big, before.big),
  };
}

const samples = await inTurns(
  Object.fromEntries(
    ARMS.filter(({ name }) => wanted.has(name)).map((arm) => [arm.name, () => measured(arm)]),
  ),
  { rounds },
);
await Promise.all([pair.small.close(), pair.big.close()]);
for (const server of new Set([...Object.values(servers), ...Object.values(others)])) server.stop();

const results = ARMS.flatMap(({ name, title }) => {
  const list = samples[name];
  if (list === undefined) return [];
  const of = (pick: (sample: Sample) => number): number => median(list.map(pick));
  const work = (role: Role, useful: number) => ({
    requests: of((sample) => sample[role].requests),
    prefilled: of((sample) => sample[role].prefilled),
    decoded: of((sample) => sample[role].decoded),
    thrownAway: of((sample) => sample[role].decoded) - useful,
  });
  const wallMs = spreadOf(list.map((sample) => sample.wallMs));
  const handoffs = list.flatMap(({ handoffsMs }) => handoffsMs);
  return [
    {
      name,
      title,
      wallMs: wallMs.median,
      lowMs: wallMs.lowest,
      highMs: wallMs.highest,
      ratio: wallMs.median / idealMs,
      ...(handoffs.length === 0 ? {} : { handoffMs: median(handoffs) }),
      small: work("small", SMALL_TOKENS + TRACE.spans),
      big: work("big", BIG_TOKENS),
    },
  ];
});

say(
  `Paced servers (${dialect} for ours, sglang for the reference), the paper's speeds ${speedup} times as fast; ` +
    `traces of ${TRACE.tokens} tokens, ${BIG_TOKENS} of them in ${TRACE.spans} spans; ${rounds} rounds, medians`,
);
say(`(4) the ideal, the sum of the decode times: ${(idealMs / 1000).toFixed(2)} s\n`);
say(
  "                                  seconds (range)        / ideal   small: requests prefilled decoded wasted   big: requests prefilled decoded wasted",
);
for (const { title, wallMs, lowMs, highMs, ratio, small, big } of results) {
  const cells = ({ requests, prefilled, decoded, thrownAway }: typeof small): string =>
    [requests, prefilled, decoded, thrownAway].map((value) => wholeText(value).padStart(9)).join("");
  const range = `(${(lowMs / 1000).toFixed(2)} to ${(highMs / 1000).toFixed(2)})`;
  say(
    `${title.padEnd(32)}${(wallMs / 1000).toFixed(2).padStart(8)} ${range.padEnd(16)}` +
      `${ratio.toFixed(3).padStart(9)}   ${cells(small)}   ${cells(big)}`,
  );
}
await report({
  rounds,
  speedup,
  dialect,
  trace: TRACE,
  speeds: PAPER_SPEEDS,
  idealMs,
  arms: results,
});
