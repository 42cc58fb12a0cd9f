/**
 * `npm run bench:annotate`: how well and how fast quoted snippets are located, ours against the reference's procedure. Accuracy: edges of
 * spans over corrupted quotations whose place is known (`--snippets`, at least 2,000 for the figures in docs/data.md). Speed: snippets in a trace
 * of about 16,000 tokens, the two taking turns. `--tune` prints ours over thresholds, and
 * with `--misses` what it placed wrongly, on another seed.
 */
import { parseArgs } from "node:util";

import { readProvenance } from "../src/core/provenance.ts";
import { createRng } from "../src/core/rng.ts";
import { hasGsm8k } from "../test/data/annotate/worked-problems.ts";
import { countEdges, locateReference, OurMatcher, type Sample, samples } from "./annotate/accuracy.ts";
import { measureSpeed } from "./annotate/speed.ts";

const { values } = parseArgs({
  options: {
    snippets: { type: "string", default: "2400" },
    traces: { type: "string", default: "200" },
    seed: { type: "string", default: "20" },
    rounds: { type: "string", default: "5" },
    tune: { type: "boolean", default: false },
    misses: { type: "boolean", default: false },
  },
});
const [snippets, traceCount, seed, rounds] = [values.snippets, values.traces, values.seed, values.rounds].map(
  Number,
) as [number, number, number, number];

const percent = (share: number): string => `${(100 * share).toFixed(2)}%`.padStart(8);

if (values.tune) tune();
else await compare();

function tune(): void {
  const all = samples(snippets, traceCount, seed + 1);
  if (values.misses) {
    const matcher = new OurMatcher();
    return showMisses(
      all,
      all.map((sample) => matcher.locate(sample)),
    );
  }
  console.log("similarity  numbers  recall    precision  invented");
  for (const minimumSimilarity of [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8]) {
    for (const minimumNumbers of [0, 0.5, 0.7]) {
      const matcher = new OurMatcher({ minimumSimilarity, minimumNumbers });
      const located = all.map((sample) => matcher.locate(sample));
      const { recall, precision, invented, absent } = countEdges(all, located, 2);
      console.log(
        `${minimumSimilarity.toFixed(2).padStart(10)}  ${minimumNumbers.toFixed(1).padStart(7)}  ${percent(recall)}  ${percent(precision)}  ${invented} of ${absent}`,
      );
    }
  }
}

async function compare(): Promise<void> {
  const all = samples(snippets, traceCount, seed);
  const matcher = new OurMatcher();
  const ours = all.map((sample) => matcher.locate(sample));
  const reference = all.map((sample, index) => {
    if (index % 100 === 0 && process.stderr.isTTY)
      process.stderr.write(`\rreference: ${index} of ${all.length}`);
    return locateReference(sample);
  });
  const source = hasGsm8k() ? "GSM8K solutions, re-voiced" : "our own worked problems, re-voiced";
  console.log(`\n${all.length} quotations from ${traceCount} traces (${source}), seed ${seed}`);
  console.log("edges off by at most        recall  precision  placed though not in the trace");
  const accuracy: Record<string, unknown> = {};
  for (const tolerance of [0, 2, 5]) {
    for (const [name, located] of [
      ["ours", ours],
      ["reference", reference],
    ] as const) {
      const counts = countEdges(all, located, tolerance);
      accuracy[`${name}-${tolerance}`] = counts;
      const { recall, precision, invented, absent } = counts;
      console.log(
        `  ${tolerance} ${name.padEnd(20)} ${percent(recall)}   ${percent(precision)}  ${invented} of ${absent}`,
      );
    }
  }
  console.log("by corruption, off by at most 2: recall ours, reference");
  for (const corruption of [...new Set(all.map(({ quotation }) => quotation.corruption))].sort()) {
    const at = all.flatMap(({ quotation }, index) => (quotation.corruption === corruption ? [index] : []));
    const of = (located: typeof ours) =>
      countEdges(
        at.map((index) => all[index] as Sample),
        at.map((index) => located[index]),
        2,
      );
    const [our, their] = [of(ours), of(reference)];
    console.log(
      our.absent > 0
        ? `  ${corruption.padEnd(28)} placed: ${our.invented}, ${their.invented} of ${our.absent}`
        : `  ${corruption.padEnd(28)} ${percent(our.recall)}  ${percent(their.recall)}  of ${at.length}`,
    );
  }
  const speed = measureSpeed(rounds, createRng(seed).fork("speed"));
  console.log(
    `a trace of ${speed.characters.toLocaleString("en")} characters (16,000 tokens at four characters each), ms a snippet, median of ${rounds} rounds`,
  );
  console.log(`  ours, one snippet, the trace prepared for it   ${speed.alone.toFixed(2)}`);
  console.log(`  ours, each of ${speed.together} snippets of one trace          ${speed.ours.toFixed(2)}`);
  console.log(`  reference                                      ${speed.reference.toFixed(0)}`);
  console.log(`  reference without windows that cannot win      ${speed.skipping.toFixed(0)}`);
  console.log(
    `  ratio to ours alone                            ${speed.ratio.toFixed(0)} (${speed.ratios.map((one) => one.toFixed(0)).join(", ")})`,
  );
  console.log(
    JSON.stringify({
      benchmark: "annotate",
      snippets: all.length,
      traces: traceCount,
      seed,
      source,
      accuracy,
      speed,
      ...(await readProvenance()),
    }),
  );
}

function showMisses(all: readonly Sample[], located: ReturnType<OurMatcher["locate"]>[]): void {
  all.forEach((sample, index) => {
    const one = countEdges([sample], [located[index]], 2);
    const { quotation, text } = sample;
    const span = located[index];
    if (quotation.truth === undefined ? span === undefined : one.recall === 1) return;
    console.log(
      JSON.stringify({
        corruption: quotation.corruption,
        snippet: quotation.snippet,
        truth: quotation.truth === undefined ? null : text.slice(quotation.truth.start, quotation.truth.end),
        found: span === undefined ? null : text.slice(span.start, span.end),
      }),
    );
  });
}
