/**
 * A small conversation of a trainer with a server. It was held once with a real server (test/skyrl); every test run holds it again with the
 * record of that.
 */
import { join } from "node:path";

import { controlPiece, textPiece } from "../../../src/core/piece.ts";
import { OFFLOAD_TAGS } from "../../../src/tags/index.ts";
import { type ByteLevelTokenizer, loadTokenizer } from "../../../src/tokenizer/index.ts";
import type { Datum } from "../../../src/train/trainer.ts";
import { connectTinker } from "../../../src/train/trainers/tinker/connect.ts";
import type { TinkerTrainer } from "../../../src/train/trainers/tinker/tinker-trainer.ts";
import { tinkerSpec } from "./tinker-client.ts";

const MODEL = join("models", "micro", "small");
const ADAM = { learningRate: 2e-3, beta1: 0.9, beta2: 0.98, epsilon: 1e-9, weightDecay: 0, clipNorm: 0 };

export interface Connected {
  readonly trainer: TinkerTrainer;
  readonly tokenizer: ByteLevelTokenizer;
}

export async function connectTo(url: string): Promise<Connected> {
  const { tokenizer } = await loadTokenizer(MODEL);
  const spec = tinkerSpec(`tinker:${url}?backend=jax&rank=16`);
  const trainer = await connectTinker({
    spec,
    seed: 1,
    tokenizer,
    contextSize: 64,
    base: undefined,
  });
  return { trainer, tokenizer };
}

function textOf(tokenizer: ByteLevelTokenizer) {
  const prompt = [
    textPiece("The last two digits are 32, and we need 32 times 63. "),
    controlPiece(OFFLOAD_TAGS.open),
  ];
  const span = [textPiece("32 times 63 is 2016.")];
  return { prompt, span, ids: tokenizer.encode([...prompt, ...span, controlPiece(OFFLOAD_TAGS.close)]) };
}

/** Likelihood, and a policy gradient's: signed weights, and a target that is not the next token. */
export function dataOf(tokenizer: ByteLevelTokenizer): Datum[] {
  const { ids } = textOf(tokenizer);
  return [
    { tokens: ids.slice(0, -1), targets: ids.slice(1), weights: ids.slice(1).map(() => 0.01) },
    {
      tokens: ids.slice(0, 9),
      targets: [...ids.slice(1, 9), ...tokenizer.encode([controlPiece(OFFLOAD_TAGS.close)])],
      weights: ids.slice(0, 9).map((_, at) => ((at % 3) - 1) * 0.02),
    },
  ];
}

/** Plain numbers and texts: the outcome is compared with that of the record. */
export async function converse({ trainer, tokenizer }: Connected, folder: string) {
  const { prompt, span } = textOf(tokenizer);
  const data = dataOf(tokenizer);
  const forward = async () => (await trainer.forward(data)).logprobs.map((list) => [...list]);
  const before = await forward();

  await using policy = await trainer.sampler();
  await using sequence = await policy.open();
  await sequence.append(prompt);
  const scored = await sequence.score(span, { watch: [OFFLOAD_TAGS.close] });
  const closes = scored.status === "ok" ? scored.entries.map(({ watchArgmax }) => watchArgmax) : [];
  let written = "";
  const drawn = { maxTokens: 6, sampling: { temperature: 1, seed: 7 } };
  for await (const event of sequence.generate(drawn)) if (event.type === "token") written += event.text;

  const step = () => trainer.trainStep(data, "cross_entropy", ADAM);
  const first = await step();
  await trainer.save(join(folder, "state"));
  const second = await step();
  await trainer.load(join(folder, "state"));
  const again = await step();
  return {
    before,
    after: await forward(),
    closes,
    written,
    steps: [first, second, again].map(({ lossSum, gradientNorm }) => ({ lossSum, gradientNorm })),
  };
}
