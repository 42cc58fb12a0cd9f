/**
 * `npm run bench:pipeline`: what the two pipelined prefills save, over HTTP. Paced servers decode and prefill at the paper's speeds, run
 * faster by a factor, and keep a prefix cache; traces are scripted, so that every arm writes the same one. Arms take turns within
 * each round, every run with a prompt that no cache knows.
 */
import { parseArgs } from "node:util";

import { readProvenance } from "../src/core/provenance.ts";
import type { SplitOptionsInput } from "../src/decode/index.ts";
import { openEngine } from "../src/engines/open/open-engine.ts";
import { OUR_OPTIONS, type Run, runOurs } from "./pipeline/ours.ts";
import { type Account, PacedServer } from "./pipeline/paced-server.ts";
import { runAlone, runReference } from "./pipeline/reference.ts";
import { BIG_TOKENS, readTokenizer, SMALL_TOKENS, TOKENIZER_FILE, TRACE } from "./pipeline/trace.ts";
import { median } from "./support/statistics.ts";

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    speedup: { type: "string", default: "10" },
    dialect: { type: "string", default: "sglang" },
    only: { type: "string", default: "pipelined,unpipelined,reference,reference-at-once,alone" },
  },
});
const rounds = Number(flags.rounds);
const speedup = Number(flags.speedup);
const dialect = flags.dialect === "vllm" ? "vllm" : "sglang";
const say = (line: string): void => console.log(line);

/** Tokens per second on A6000s at a context of 4,000 tokens (Paper, latency model). */
const PAPER_SPEEDS = {
  small: { prefill: 28_721, decode: 145 },
  big: { prefill: 3_045, decode: 16.4 },
};
const paceOf = ({ prefill, decode }: { prefill: number; decode: number }) => ({
  prefillTokensPerSecond: prefill * speedup,
  decodeTokensPerSecond: decode * speedup,
});
const paces = { small: paceOf(PAPER_SPEEDS.small), big: paceOf(PAPER_SPEEDS.big) };
const idealMs =
  (1000 * SMALL_TOKENS) / paces.small.decodeTokensPerSecond +
  (1000 * BIG_TOKENS) / paces.big.decodeTokensPerSecond;

const tokenizer = await readTokenizer();
// The reference's procedure speaks SGLang's native dialect; so do we, unless told otherwise.
const servers = {
  small: await PacedServer.start({ role: "small", dialect: "sglang", pace: paces.small }),
  big: await PacedServer.start({ role: "big", dialect: "sglang", pace: paces.big }),
};
const others =
  dialect === "sglang"
    ? servers
    : {
        small: await PacedServer.start({ role: "small", dialect, pace: paces.small }),
        big: await PacedServer.start({ role: "big", dialect, pace: paces.big }),
      };
const urls = { small: servers.small.url, big: servers.big.url };
const open = (role: "small" | "big") =>
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
const wanted = new Set(flags.only.split(","));

interface Sample extends Run {
  readonly small: Account;
  readonly big: Account;
}

const accounts = async (of: typeof servers) => ({
  small: await of.small.account(),
  big: await of.big.account(),
});
const difference = (after: Account, before: Account): Account => ({
  prefilled: after.prefilled - before.prefilled,
  cached: after.cached - before.cached,
  decoded: after.decoded - before.decoded,
  abandoned: after.abandoned - before.abandoned,
  requests: after.requests - before.requests,
});

const samples = new Map<string, Sample[]>();
for (let round = 0; round < rounds; round++) {
  for (const arm of ARMS) {
    if (!wanted.has(arm.name)) continue;
    const before = await accounts(arm.servers);
    const result = await arm.go();
    const after = await accounts(arm.servers);
    const sample = {
      ...result,
      small: difference(after.small, before.small),
      big: difference(after.big, before.big),
    };
    samples.set(arm.name, [...(samples.get(arm.name) ?? []), sample]);
  }
}
await Promise.all([pair.small.close(), pair.big.close()]);
for (const server of new Set([...Object.values(servers), ...Object.values(others)])) server.stop();

const count = (value: number): string => Math.round(value).toLocaleString("en");
const results = ARMS.flatMap(({ name, title }) => {
  const list = samples.get(name);
  if (list === undefined) return [];
  const of = (pick: (sample: Sample) => number): number => median(list.map(pick));
  const work = (role: "small" | "big", useful: number) => ({
    requests: of((sample) => sample[role].requests),
    prefilled: of((sample) => sample[role].prefilled),
    decoded: of((sample) => sample[role].decoded),
    thrownAway: of((sample) => sample[role].decoded) - useful,
  });
  const wallMs = of((sample) => sample.wallMs);
  const handoffs = list.flatMap(({ handoffsMs }) => handoffsMs);
  return [
    {
      name,
      title,
      wallMs,
      lowMs: Math.min(...list.map((sample) => sample.wallMs)),
      highMs: Math.max(...list.map((sample) => sample.wallMs)),
      ratio: wallMs / idealMs,
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
    [requests, prefilled, decoded, thrownAway].map((value) => count(value).padStart(9)).join("");
  const range = `(${(lowMs / 1000).toFixed(2)} to ${(highMs / 1000).toFixed(2)})`;
  say(
    `${title.padEnd(32)}${(wallMs / 1000).toFixed(2).padStart(8)} ${range.padEnd(16)}` +
      `${ratio.toFixed(3).padStart(9)}   ${cells(small)}   ${cells(big)}`,
  );
}
const { git, machine } = await readProvenance();
say(
  JSON.stringify({
    benchmark: "pipeline",
    git,
    machine,
    rounds,
    speedup,
    dialect,
    trace: TRACE,
    speeds: PAPER_SPEEDS,
    idealMs,
    arms: results,
  }),
);
