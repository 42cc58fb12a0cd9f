/**
 * `npm run bench:batch`: how much faster an embedded model writes when several sequences decode together. Tokens per second of all sequences,
 * and of every third sequence while the others are idle in between, as the two models of a pair leave each other's sequences.
 */
import { textPiece } from "../src/core/piece.ts";
import type { Sequence } from "../src/engines/engine.ts";
import { LlamaEngine } from "../src/engines/llama/llama-engine.ts";
import { openBenchmark, wholeText } from "./support/benchmark.ts";
import { amount, count, counts, text } from "./support/options.ts";
import { inTurns, median, spreadOf } from "./support/rounds.ts";

const { options, say, report } = openBenchmark({
  name: "batch",
  about: "How much faster an embedded model writes when several sequences decode together.",
  options: {
    model: text("models/micro/small/model.gguf", "GGUF file"),
    threads: count(1, "threads"),
    sequences: counts([1, 2, 4, 8, 16], "sequences that decode together"),
    temperature: amount(1, "temperature"),
    tokens: count(8, "tokens of each sequence in a round"),
    rounds: count(5, "rounds"),
  },
});
const { model, threads, sequences, temperature, tokens, rounds } = options;

const all = Math.max(...sequences);
await using engine = await LlamaEngine.load(model, { sequences: all, threads, contextSize: 1024 });
const opened = await Promise.all(Array.from({ length: all }, () => engine.open()));
for (const [at, one] of opened.entries())
  await one.append([textPiece(`Farm ${at} has ${at * 7 + 3} sheep and sells 12 of them. `)]);

/** A turn that ends would take its sequence out of the batch. */
const bias = ["<|im_end|>", "<|endoftext|>", "</s>", "</bigmodel>"]
  .filter((marker) => engine.capabilities.isControlToken(marker))
  .map((marker) => ({ marker, nats: -Infinity }));
const write = async (sequence: Sequence, round: number): Promise<number> => {
  let written = 0;
  const sampling = { temperature, seed: round };
  for await (const event of sequence.generate({ maxTokens: tokens, sampling, bias }))
    if (event.type === "token") written++;
  return written;
};
/** Tokens per second of some sequences. */
const speed = async (group: readonly Sequence[], round: number): Promise<number> => {
  const startMs = performance.now();
  const written = await Promise.all(group.map((one) => write(one, round)));
  return (written.reduce((sum, one) => sum + one, 0) * 1000) / (performance.now() - startMs);
};

const arms = Object.fromEntries([
  ...sequences.map((n) => [`${n} together`, (round: number) => speed(opened.slice(0, n), round)] as const),
  [
    `every third of ${all}`,
    (round: number) =>
      speed(
        opened.filter((_, at) => at % 3 === 0),
        round,
      ),
  ] as const,
]);
const results = await inTurns(arms, { rounds, warmUp: 1 });
const alone = median(Object.values(results)[0] ?? []);
say(`${model}, ${threads} threads, temperature ${temperature}: tokens a second, median of ${rounds} rounds`);
for (const [name, speeds] of Object.entries(results)) {
  const { median: middle, lowest, highest } = spreadOf(speeds);
  say(
    `  ${name.padEnd(20)} ${wholeText(middle)} (${wholeText(lowest)} to ${wholeText(highest)}), ${(middle / alone).toFixed(1)} times the first`,
  );
}
await report({ model, threads, temperature, tokensPerSecond: results });
