/**
 * `npm run bench:decode`: what split decoding costs and saves. It compares:
 * - (a) decoding without offloading, against the library alone;
 * - (b) close detection, in tokens, against the reference's procedure;
 * - (c) the time of a hand-off, with streaming prefill and without.
 *
 * Models have random weights. Their shapes are stated.
 */
import { type Closing, REFERENCE, measureClosing, measureControlCost } from "./decode/closing.ts";
import { type Handoff, measureHandoff } from "./decode/handoff.ts";
import { BenchModels, SHAPES } from "./decode/models.ts";
import { type Overhead, measureOverhead } from "./decode/overhead.ts";
import { openBenchmark, wholeText } from "./support/benchmark.ts";
import { count, counts, someOf } from "./support/options.ts";

const { options, say, report } = openBenchmark({
  name: "decode",
  about: "What split decoding costs and saves. Models have random weights; their shapes are stated.",
  options: {
    rounds: count(7, "rounds of overhead and close detection"),
    only: someOf(["overhead", "closing", "handoff"], "parts"),
    contexts: counts([1000, 4000, 16_000], "tokens in the context at a hand-off"),
  },
});
const { rounds } = options;
const parts = new Set<string>(options.only);
const models = new BenchModels();
const rate = (value: number): string => wholeText(value).padStart(7);
const millions = (parameters: number): string => `${(parameters / 1e6).toFixed(parameters < 1e6 ? 2 : 0)}M`;

const overhead: Overhead[] = [];
const closing: Closing[] = [];
const handoff: Handoff[] = [];
let control: Awaited<ReturnType<typeof measureControlCost>> | undefined;
try {
  if (parts.has("overhead")) {
    say("(a) tokens per second, offloading off (policy never) against node-llama-cpp alone, one thread");
    for (const shape of [SHAPES.micro, SHAPES.small]) {
      for (const temperature of [0, 0.6]) {
        const one = await measureOverhead(models, shape, { temperature, tokens: 800, rounds });
        overhead.push(one);
        say(
          `  ${one.model.padEnd(12)} ${millions(one.parameters).padStart(6)}  T ${temperature.toFixed(1)} ` +
            `${rate(one.ourTokensPerSecond)} / ${rate(one.rawTokensPerSecond)}  ratio ${one.ratio.toFixed(2)} ` +
            `(${one.ratioLow.toFixed(2)} to ${one.ratioHigh.toFixed(2)}), ` +
            `best ${one.bestRatio.toFixed(2)}, CPU time ${one.cpuRatio.toFixed(2)}`,
        );
      }
    }
  }
  if (parts.has("closing")) {
    say("\n(b) close detection: the small model's tokens for each of the big model's (chunks 8, 16, 32, 64)");
    say("  span    prefilled  per kept  decoded  discarded per kept    calls a segment");
    for (const spanTokens of [8, 20, 50, 120, 300]) {
      const one = await measureClosing(spanTokens, 600);
      closing.push(one);
      say(
        `  ${String(spanTokens).padStart(4)}    ${one.prefilledPerBigToken.toFixed(2).padStart(9)}` +
          `${one.prefilledPerKeptToken.toFixed(2).padStart(10)}${one.decodedPerBigToken.toFixed(2).padStart(9)}` +
          `${one.discardedPerKeptToken.toFixed(2).padStart(22)}${one.smallCallsPerSegment.toFixed(1).padStart(17)}`,
      );
    }
    say(
      `  the reference's procedure, computed from its definition, not measured: ` +
        `${REFERENCE.prefilledPerBigToken.toFixed(1)} prefilled, ${REFERENCE.decodedPerBigToken.toFixed(1)} decoded`,
    );
    control = await measureControlCost(models, { tokens: 200, rounds: Math.min(rounds, 4) });
    say(
      `  speed of a segment of ${control.tokens} tokens with the small model (${millions(control.small)}) reading along: ` +
        `${control.ratio.toFixed(2)} of the big one's (${millions(control.big)}) alone`,
    );
  }
  if (parts.has("handoff")) {
    say("\n(c) from the decision to the big model's first token, ms");
    say("  context   streaming prefill   without   ratio   small model's tokens per second, with / without");
    for (const contextTokens of options.contexts) {
      const one = await measureHandoff(models, { contextTokens, rounds: contextTokens > 8000 ? 1 : 3 });
      handoff.push(one);
      say(
        `  ${String(contextTokens).padStart(7)}${one.withStreamingMs.toFixed(0).padStart(20)}` +
          `${one.withoutStreamingMs.toFixed(0).padStart(10)}${one.ratio.toFixed(1).padStart(8)}` +
          `${rate(one.smallTokensPerSecondWith)} / ${rate(one.smallTokensPerSecondWithout)}`,
      );
    }
  }
} finally {
  models.remove();
}
await report({
  rounds,
  shapes: SHAPES,
  overhead,
  closing,
  reference: REFERENCE,
  control,
  handoff,
});
