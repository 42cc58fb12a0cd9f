/**
 * `npm run bench:latency`: how well the latency model predicts. (1) The shipped pair in this process, (2) the paced servers of `bench:pipeline`, (3) the
 * paper's figure from its published speeds. Profiles and runs take turns.
 */
import { measureEmbedded } from "./latency/embedded.ts";
import { measurePaced } from "./latency/paced.ts";
import { EVALUATION, evaluationRows, paperRows, SPANS } from "./latency/paper.ts";
import { openBenchmark } from "./support/benchmark.ts";
import { amount, count, oneOf, someOf } from "./support/options.ts";

const { options, say, report } = openBenchmark({
  name: "latency",
  about: "How well the latency model predicts: the shipped pair, paced servers, and the paper's figure.",
  options: {
    only: someOf(["embedded", "paced", "paper"], "parts"),
    problems: count(5, "problems of the shipped pair"),
    rounds: count(40, "most rounds of the shipped pair"),
    minutes: amount(8, "time for the rounds of the shipped pair, of which there are at least two"),
    typical: oneOf(["median", "fastest"], "what counts of the rounds"),
    pacedRounds: count(2, "rounds of the paced servers"),
    speedup: amount(2, "how many times as fast as the paper's the paced servers are"),
  },
});
const wanted = new Set<string>(options.only);
const percent = (share: number): string => `${share < 0 ? "-" : "+"}${Math.abs(100 * share).toFixed(1)}%`;
const results: Record<string, unknown> = {};

if (wanted.has("paper")) {
  const [rows, evaluation] = [paperRows(), evaluationRows()];
  say(
    `(3) speed-up over the large model alone, by the paper's speeds; ours for spans of ${SPANS.join(", ")} tokens`,
  );
  say("  share   the published rule (share after rounding)   pipelined            the reference's procedure");
  const list = (values: readonly number[]): string => values.map((value) => value.toFixed(2)).join(", ");
  for (const { share, published, publishedShare, pipelined, reference } of rows) {
    say(
      `  ${`${(100 * share).toFixed(2)}%`.padStart(6)}  ${`${published.toFixed(2)} (${(100 * publishedShare).toFixed(2)}%)`.padEnd(42)}  ${list(pipelined).padEnd(19)}  ${list(reference)}`,
    );
  }
  say(
    `  evaluation, s: published ${EVALUATION.small} (1.5B), ${EVALUATION.big} (32B), ${EVALUATION.reference} (not pipelined), ${EVALUATION.pipelined} (pipelined, simulated)`,
  );
  for (const { share, pipelined, reference, big } of evaluation) {
    say(
      `  predicted from 683 s and a share of ${(100 * share).toFixed(1)}%, spans of 64: pipelined ${pipelined.toFixed(0)}, the reference's procedure ${reference.toFixed(0)}, 32B ${big.toFixed(0)}`,
    );
  }
  results["paper"] = { rows, evaluation };
}

if (wanted.has("paced")) {
  const { speedup } = options;
  const paced = await measurePaced(options.pacedRounds, speedup, say);
  say(
    `(2) paced servers, the paper's speeds ${speedup} times as fast: seconds, and ms to the first token of a hand-off`,
  );
  for (const { mode, measuredMs, predictedMs, error, handoffMs } of paced.results) {
    say(
      `  ${mode.padEnd(11)} measured ${measuredMs.map((ms) => (ms / 1000).toFixed(2)).join(", ")}  predicted ${(predictedMs / 1000).toFixed(2)}  ${percent(error)}` +
        `  hand-off measured ${handoffMs.measured.toFixed(0)}, predicted ${handoffMs.predicted.toFixed(0)}`,
    );
  }
  results["paced"] = { speedup, ...paced };
}

if (wanted.has("embedded")) {
  const embedded = await measureEmbedded(options, say);
  say(
    `(1) the shipped pair in this process, ${options.problems} problems, ${options.typical} of ${embedded.rounds} rounds: ms a trace`,
  );
  for (const {
    clock,
    arm,
    mode,
    traces,
    measuredSeconds,
    predictedSeconds,
    totalError,
    medianError,
  } of embedded.results) {
    const each = (seconds: number): string => ((1000 * seconds) / traces).toFixed(1).padStart(7);
    say(
      `  ${clock.padEnd(10)}${arm.padEnd(11)}${mode.padEnd(12)}measured ${each(measuredSeconds)}  predicted ${each(predictedSeconds)}  ${percent(totalError)}  median error ${(100 * medianError).toFixed(1)}%`,
    );
  }
  for (const [clock, { totalError, medianError }] of Object.entries(embedded.totals)) {
    say(
      `  ${clock}: total ${percent(totalError)}, median error of a trace ${(100 * medianError).toFixed(1)}%`,
    );
  }
  results["embedded"] = embedded;
}

await report(results);
