/** (b) What it costs the small model to find where a segment of the big one ends. */
import { controlPiece, textPiece } from "../../src/core/piece.ts";
import { SplitDecoder, always, collect, learned } from "../../src/decode/index.ts";
import { ScriptedEngine, type ScriptedModel, slow } from "../../src/engines/scripted/index.ts";
import { OFFLOAD_TAGS } from "../../src/tags/grammar.ts";
import { inTurns, median, ratiosOf } from "../support/rounds.ts";
import { type BenchModels, SHAPES, digits } from "./models.ts";

export interface Closing {
  /** Tokens of each segment, up to where the small model takes the pen back. */
  readonly spanTokens: number;
  readonly segments: number;
  /** Prefilled by the small model, tags included, for each token that the big model decoded (kept or not). */
  readonly prefilledPerBigToken: number;
  /** The same for each token that stays. */
  readonly prefilledPerKeptToken: number;
  readonly decodedPerBigToken: number;
  /** Decoded by the big model after the cut, for each token that stays. */
  readonly discardedPerKeptToken: number;
  readonly smallCallsPerSegment: number;
}

/** The reference's procedure, from its definition: every chunk of 64 tokens is prompted again at each of its tokens, for 8 tokens. */
export const REFERENCE = (() => {
  const chunk = 64;
  const decoded = 8;
  let prefilled = 0;
  for (let length = 1; length <= chunk; length++) prefilled += length;
  return {
    computed: true,
    prefilledPerBigToken: prefilled / chunk,
    decodedPerBigToken: (chunk * decoded) / chunk,
  };
})();

const BIG_TOKEN_MS = 2;
const SMALL_TOKENS_BETWEEN = 16;

/** Segments of a set length on scripted models: the work depends on lengths and on the order of calls, not on weights. */
export async function measureClosing(spanTokens: number, bigTokens: number): Promise<Closing> {
  const segments = Math.max(3, Math.round(bigTokens / spanTokens));
  const { open, close } = OFFLOAD_TAGS;
  const next: ScriptedModel = ({ ids, tokenizer }) => {
    const opened = ids.lastIndexOf(tokenizer.controlId(open) ?? tokenizer.encode([controlPiece(open)])[0]!);
    const closed = ids.lastIndexOf(tokenizer.controlId(close) ?? tokenizer.encode([controlPiece(close)])[0]!);
    const since = ids.length - 1 - Math.max(opened, closed);
    if (opened > closed) return since === spanTokens ? close : "b";
    return since >= SMALL_TOKENS_BETWEEN ? open : "s";
  };
  const small = new ScriptedEngine({ name: "small", next, contextSize: 1e6 });
  // The big model takes its time, as it does in life: what it decodes beyond a cut depends on that.
  const big = new ScriptedEngine({
    name: "big",
    next: () => "b",
    contextSize: 1e6,
    hook: slow(BIG_TOKEN_MS),
  });
  const { usage } = await collect(
    new SplitDecoder({ small, big }).decode({
      prompt: [textPiece("p".repeat(SMALL_TOKENS_BETWEEN))],
      policy: learned(),
      limits: { maxTokens: segments * (spanTokens + SMALL_TOKENS_BETWEEN) },
      sampling: { temperature: 0, seed: 1 },
      dial: { maxSegments: segments },
    }),
  );
  const { work, switches } = usage;
  const ownWork = work.small.decoded - usage.smallTokens - switches;
  return {
    spanTokens,
    segments: switches,
    prefilledPerBigToken: work.small.scored / work.big.decoded,
    prefilledPerKeptToken: work.small.scored / usage.bigTokens,
    decodedPerBigToken: Math.max(0, ownWork) / work.big.decoded,
    discardedPerKeptToken: work.big.discarded / usage.bigTokens,
    smallCallsPerSegment: small.log.filter(({ kind }) => kind === "score").length / switches,
  };
}

export interface ControlCost {
  readonly small: number;
  readonly big: number;
  readonly tokens: number;
  /** Tokens per second of the big model's segment while the small one reads along, to the big one's alone; median of the rounds. */
  readonly ratio: number;
  readonly aloneTokensPerSecond: number;
  readonly controlledTokensPerSecond: number;
}

/** One long segment on models of realistic shape, with and without the small model reading along. */
export async function measureControlCost(
  models: BenchModels,
  { tokens, rounds }: { tokens: number; rounds: number },
): Promise<ControlCost> {
  const small = await models.load(SHAPES.small, { contextSize: 2048, sequences: 1, exact: false });
  const big = await models.load(SHAPES.big, { contextSize: 2048, sequences: 1, exact: false });
  const decoder = new SplitDecoder({ small, big });
  const run = async (controlled: boolean): Promise<number> => {
    let startMs: number | undefined;
    let count = 0;
    const stream = decoder.decode({
      prompt: [textPiece(digits(256))],
      policy: controlled ? learned() : always(),
      limits: { maxTokens: tokens },
      sampling: { temperature: 0, seed: 1 },
      // Certain to open at once; the models' close tag is never the likeliest.
      dial: { bias: 1e6 },
    });
    for await (const event of stream) {
      if (event.type !== "segment-delta") continue;
      // From the first tokens on: the prompt is not what is measured.
      if (startMs === undefined) startMs = performance.now();
      else count += event.tokens.length;
    }
    return (count * 1000) / (performance.now() - (startMs ?? 0));
  };
  const { controlled, alone } = await inTurns(
    { controlled: () => run(true), alone: () => run(false) },
    { rounds },
  );
  await small.close();
  await big.close();
  return {
    small: models.write(SHAPES.small).parameters,
    big: models.write(SHAPES.big).parameters,
    tokens,
    ratio: median(ratiosOf(controlled, alone)),
    aloneTokensPerSecond: median(alone),
    controlledTokensPerSecond: median(controlled),
  };
}
