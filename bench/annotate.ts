/**
 * `npm run bench:annotate`: how well and how fast quoted snippets are located, ours against the reference's procedure. Accuracy counts the
 * edges of spans over corrupted quotations whose place is known. Speed is measured on a trace of about 16,000 tokens.
 */
import { createRng } from "../src/core/rng.ts";
import { hasGsm8k } from "../test/data/annotate/worked-problems.ts";
import { countEdges, locateReference, OurMatcher, type Sample, samples } from "./annotate/accuracy.ts";
import { measureSpeed } from "./annotate/speed.ts";
import { openBenchmark, percentText } from "./support/benchmark.ts";
import { count, flag } from "./support/options.ts";

const { options, say, report } = openBenchmark({
  name: "annotate",
  about: "How well and how fast quoted snippets are located: our matcher against the reference's procedure.",
  options: {
    snippets: count(2400, "quotations, at least 2,000 for the figures in docs/data.md"),
    traces: count(200, "traces that are quoted"),
    seed: count(20, "seed of traces and corruptions"),
    rounds: count(5, "rounds of the timing"),
    tune: flag("print our matcher's figures over its thresholds, on another seed, and stop"),
    misses: flag("with --tune: print what our matcher placed wrongly"),
  },
});
const { snippets, traces: traceCount, seed, rounds } = options;
const percent = (share: number): string => percentText(share, 2).padStart(8);

if (options.tune) tune();
else await compare();

function tune(): void {
  const all = samples(snippets, traceCount, seed + 1);
  if (options.misses) {
    const matcher = new OurMatcher();
    return showMisses(
      all,
      all.map((sample) => matcher.locate(sample)),
    );
  }
  say("similarity  numbers  recall    precision  invented");
  for (const minimumSimilarity of [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8]) {
    for (const minimumNumbers of [0, 0.5, 0.7]) {
      const matcher = new OurMatcher({ minimumSimilarity, minimumNumbers });
      const located = all.map((sample) => matcher.locate(sample));
      const { recall, precision, invented, absent } = countEdges(all, located, 2);
      say(
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
  say(`\n${all.length} quotations from ${traceCount} traces (${source}), seed ${seed}`);
  say("edges off by at most        recall  precision  placed though not in the trace");
  const accuracy: Record<string, unknown> = {};
  for (const tolerance of [0, 2, 5]) {
    for (const [name, located] of [
      ["ours", ours],
      ["reference", reference],
    ] as const) {
      const counts = countEdges(all, located, tolerance);
      accuracy[`${name}-${tolerance}`] = counts;
      const { recall, precision, invented, absent } = counts;
      say(
        `  ${tolerance} ${name.padEnd(20)} ${percent(recall)}   ${percent(precision)}  ${invented} of ${absent}`,
      );
    }
  }
  say("by corruption, off by at most 2: recall ours, reference");
  for (const corruption of [...new Set(all.map(({ quotation }) => quotation.corruption))].sort()) {
    const at = all.flatMap(({ quotation }, index) => (quotation.corruption === corruption ? [index] : []));
    const of = (located: typeof ours) =>
      countEdges(
        at.map((index) => all[index] as Sample),
        at.map((index) => located[index]),
        2,
      );
    const [our, their] = [of(ours), of(reference)];
    say(
      our.absent > 0
        ? `  ${corruption.padEnd(28)} placed: ${our.invented}, ${their.invented} of ${our.absent}`
        : `  ${corruption.padEnd(28)} ${percent(our.recall)}  ${percent(their.recall)}  of ${at.length}`,
    );
  }
  const speed = await measureSpeed(rounds, createRng(seed).fork("speed"));
  say(
    `a trace of ${speed.characters.toLocaleString("en")} characters (16,000 tokens at four characters each), ms a snippet, median of ${rounds} rounds`,
  );
  say(`  ours, one snippet, the trace prepared for it   ${speed.alone.toFixed(2)}`);
  say(`  ours, each of ${speed.together} snippets of one trace          ${speed.ours.toFixed(2)}`);
  say(`  reference                                      ${speed.reference.toFixed(0)}`);
  say(`  reference without windows that cannot win      ${speed.skipping.toFixed(0)}`);
  say(
    `  ratio to ours alone                            ${speed.ratio.toFixed(0)} (${speed.ratios.map((one) => one.toFixed(0)).join(", ")})`,
  );
  await report({ snippets: all.length, traces: traceCount, seed, source, accuracy, speed });
}

function showMisses(all: readonly Sample[], located: ReturnType<OurMatcher["locate"]>[]): void {
  all.forEach((sample, index) => {
    const one = countEdges([sample], [located[index]], 2);
    const { quotation, text } = sample;
    const span = located[index];
    if (quotation.truth === undefined ? span === undefined : one.recall === 1) return;
    say(
      JSON.stringify({
        corruption: quotation.corruption,
        snippet: quotation.snippet,
        truth: quotation.truth === undefined ? null : text.slice(quotation.truth.start, quotation.truth.end),
        found: span === undefined ? null : text.slice(span.start, span.end),
      }),
    );
  });
}
