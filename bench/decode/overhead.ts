/** (a) Offloading off, against node-llama-cpp decoding the same file by itself: what everything above the library costs. */
import { getLlama } from "node-llama-cpp";

import { textPiece } from "../../src/core/piece.ts";
import { SplitDecoder, never } from "../../src/decode/index.ts";
import { inTurns, median, ratiosOf, spreadOf } from "../support/rounds.ts";
import { type BenchModels, type Shape, digits } from "./models.ts";

export interface Overhead {
  readonly model: string;
  readonly parameters: number;
  readonly temperature: number;
  readonly tokens: number;
  readonly rounds: number;
  readonly rawTokensPerSecond: number;
  readonly ourTokensPerSecond: number;
  /** Ours to raw, median of the rounds. */
  readonly ratio: number;
  readonly ratioLow: number;
  readonly ratioHigh: number;
  /** Ratio of the best rounds of each: the overhead that remains when the machine also does other work. */
  readonly bestRatio: number;
  /** CPU time per token, ours to raw. It is also valid where other work on the machine makes wall-clock times useless. */
  readonly cpuRatio: number;
}

interface Speed {
  readonly tokensPerSecond: number;
  /** CPU time per token of all threads of this process. */
  readonly cpuMs: number;
}

function startClock(): (tokens: number) => Speed {
  const startMs = performance.now();
  const before = process.cpuUsage();
  return (tokens) => {
    const { user, system } = process.cpuUsage(before);
    return {
      tokensPerSecond: (tokens * 1000) / (performance.now() - startMs),
      cpuMs: (user + system) / 1000 / tokens,
    };
  };
}

const PROMPT_TOKENS = 32;
const CONTEXT = 1024;

export async function measureOverhead(
  models: BenchModels,
  shape: Shape,
  { temperature, tokens, rounds }: { temperature: number; tokens: number; rounds: number },
): Promise<Overhead> {
  const { path, parameters } = models.write(shape);
  const small = await models.load(shape, { contextSize: CONTEXT, sequences: 1 });
  const decoder = new SplitDecoder({ small });
  const ours = async (seed: number): Promise<Speed> => {
    const clock = startClock();
    let count = 0;
    const stream = decoder.decode({
      prompt: [textPiece(digits(PROMPT_TOKENS))],
      policy: never(),
      limits: { maxTokens: tokens },
      sampling: { temperature, seed },
    });
    for await (const event of stream) if (event.type === "segment-delta") count += event.tokens.length;
    return clock(count);
  };

  const llama = await getLlama({ gpu: false, build: "never", maxThreads: 1 });
  const model = await llama.loadModel({ modelPath: path });
  const context = await model.createContext({
    contextSize: CONTEXT,
    sequences: 1,
    threads: 1,
    flashAttention: false,
    experimentalKvCacheKeyType: "F32",
    experimentalKvCacheValueType: "F32",
  });
  const raw = async (seed: number): Promise<Speed> => {
    const clock = startClock();
    const sequence = context.getSequence();
    let count = 0;
    let text = "";
    const prompt = model.tokenize(digits(PROMPT_TOKENS));
    for await (const token of sequence.evaluate(prompt, {
      temperature,
      seed,
      topK: 0,
      topP: 1,
      yieldEogToken: true,
    })) {
      text += model.detokenize([token]);
      if (++count >= tokens) break;
    }
    await sequence.dispose();
    if (text === "") throw new Error("nothing was written");
    return clock(count);
  };

  const { ours: speeds, raw: rawSpeeds } = await inTurns({ ours, raw }, { rounds, warmUp: 2 });
  const rates = (list: readonly Speed[]): number[] => list.map(({ tokensPerSecond }) => tokensPerSecond);
  const ratio = spreadOf(ratiosOf(rates(speeds), rates(rawSpeeds)));
  await context.dispose();
  await model.dispose();
  await small.close();
  return {
    model: shape.name,
    parameters,
    temperature,
    tokens,
    rounds,
    rawTokensPerSecond: median(rates(rawSpeeds)),
    ourTokensPerSecond: median(rates(speeds)),
    ratio: ratio.median,
    ratioLow: ratio.lowest,
    ratioHigh: ratio.highest,
    bestRatio: Math.max(...rates(speeds)) / Math.max(...rates(rawSpeeds)),
    cpuRatio: median(
      ratiosOf(
        speeds.map(({ cpuMs }) => cpuMs),
        rawSpeeds.map(({ cpuMs }) => cpuMs),
      ),
    ),
  };
}
