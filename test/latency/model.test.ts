/**
 * Compares the latency model with the real decoder in virtual time. Engines take a fixed time for each call and token, and timers are faked, so
 * that "measured" times are exact on any machine. The recorded result is simulated under profiles with the same times.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { controlPiece } from "../../src/core/piece.ts";
import {
  always,
  collect,
  learned,
  never,
  type Policy,
  random,
  SplitDecoder,
  type SplitOptionsInput,
  type SplitResult,
} from "../../src/decode/index.ts";
import { ScriptedEngine, testTokenizer } from "../../src/engines/scripted/index.ts";
import {
  engineProfileSchema,
  type EngineProfile,
  pairCosts,
  recordedTraceSchema,
  type Simulation,
  simulate,
  traceOf,
} from "../../src/latency/index.ts";
import { type EnginePace, pacedEngine } from "../support/paced-engine.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const tokenizer = testTokenizer();
const [open = -1, close = -1, endOfTurn = -1, letter = -1] = tokenizer.encode([
  controlPiece("<bigmodel></bigmodel><|im_end|>a"),
]) as readonly number[];
const PROMPT_TOKENS = 120;

function certain(id: number): Float64Array {
  const logits = new Float64Array(tokenizer.size).fill(-50);
  logits[id] = 0;
  return logits;
}

type Spans = readonly (readonly [own: number, other: number])[];

/** Asks after `own` tokens, takes the pen back after `other`, and ends its turn 30 tokens after the last span. */
const smallEngine = (spans: Spans): ScriptedEngine =>
  new ScriptedEngine({
    tokenizer,
    contextSize: 8192,
    next: ({ ids }) => {
      let [at, span, isOpen] = [0, 0, false];
      for (let index = PROMPT_TOKENS; index < ids.length; index++) {
        const token = ids[index] as number | undefined;
        if (token === open) [at, isOpen] = [0, true];
        else if (token === close) [at, isOpen, span] = [0, false, span + 1];
        else at++;
      }
      const [own = 30, other = 0] = spans[span] ?? [];
      if (isOpen) return certain(at >= other ? close : letter);
      return certain(at < own ? letter : span < spans.length ? open : endOfTurn);
    },
  });

/** Wants to ask at every 16th token; its turn is as long as the limit. */
const eagerEngine = (): ScriptedEngine =>
  new ScriptedEngine({
    tokenizer,
    contextSize: 8192,
    next: ({ ids }) => {
      const logits = certain(letter);
      if (ids.length % 16 === 0) logits[open] = 1;
      return logits;
    },
  });

/** Ends its turn only after very many tokens. */
const bigEngine = (): ScriptedEngine =>
  new ScriptedEngine({
    tokenizer,
    contextSize: 8192,
    next: ({ ids }) => certain(ids.length < PROMPT_TOKENS + 580 ? letter : endOfTurn),
  });

const profileOf = (pace: EnginePace): EngineProfile => {
  const decodeAt = (contextTokens: number) => ({
    contextTokens,
    tokensPerSecond: 1000 / (pace.drawToken + contextTokens * pace.drawPerContext),
  });
  return engineProfileSchema.parse({
    prefill: 1000 / pace.readToken,
    decode: [decodeAt(0), decodeAt(8192)],
    score: 1000 / pace.scoreToken,
    overhead: {
      openMs: pace.open,
      prefillCallMs: pace.readCall,
      generateCallMs: pace.generateCall,
      scoreCallMs: pace.scoreCall,
    },
    cancels: false,
  });
};

interface Measured {
  readonly wallMs: number;
  readonly result: SplitResult;
}

/** Runs the real decoder; time jumps from timer to timer. */
async function measure(
  paces: { readonly small: EnginePace; readonly big: EnginePace },
  small: ScriptedEngine,
  policy: Policy,
  options: SplitOptionsInput,
): Promise<Measured> {
  // Timers wait whole milliseconds: the rest is carried over.
  const passer = () => {
    let carriedMs = 0;
    return async (ms: number): Promise<void> => {
      const waitMs = Math.round(ms + carriedMs);
      carriedMs += ms - waitMs;
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    };
  };
  const pair = {
    small: pacedEngine(small, paces.small, passer()),
    big: pacedEngine(bigEngine(), paces.big, passer()),
  };
  const fromMs = performance.now();
  const over = new AbortController();
  let toMs = fromMs;
  const running = collect(
    new SplitDecoder(pair).decode({
      prompt: [controlPiece("a".repeat(PROMPT_TOKENS))],
      policy,
      limits: { maxTokens: 600 },
      sampling: { temperature: 0, seed: 1 },
      options: { ...options, bigTimeoutMs: 100_000_000 },
    }),
  ).finally(() => {
    over.abort();
    toMs = performance.now();
  });
  while (!over.signal.aborted) {
    // Everything that needs no time happens first.
    for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
    if (!over.signal.aborted) vi.advanceTimersToNextTimer();
  }
  return { wallMs: toMs - fromMs, result: await running };
}

function predict(
  paces: { readonly small: EnginePace; readonly big: EnginePace },
  { result }: Measured,
  mode: "pipelined" | "sequential",
): Simulation {
  const { segments, usage, finishReason } = result;
  const trace = traceOf(recordedTraceSchema.parse({ segments, usage, finishReason, work: usage.work }));
  return simulate(trace, pairCosts({ small: profileOf(paces.small), big: profileOf(paces.big) }), mode);
}

const MODES = {
  pipelined: {},
  sequential: { streamingPrefill: false, chunks: [64], eagerChunks: false },
} as const satisfies Record<string, SplitOptionsInput>;

const PACES = {
  "the paper's speeds": {
    small: {
      readToken: 1 / 28.721,
      readCall: 0,
      drawToken: 1000 / 145,
      drawPerContext: 0,
      generateCall: 0,
      scoreToken: 1 / 28.721,
      scoreCall: 0,
      open: 0,
    },
    big: {
      readToken: 1 / 3.045,
      readCall: 0,
      drawToken: 1000 / 16.4,
      drawPerContext: 0,
      generateCall: 0,
      scoreToken: 1,
      scoreCall: 0,
      open: 0,
    },
  },
  "calls that cost, contexts that slow down": {
    small: {
      readToken: 0.4,
      readCall: 6,
      drawToken: 4,
      drawPerContext: 0.004,
      generateCall: 9,
      scoreToken: 0.9,
      scoreCall: 11,
      open: 5,
    },
    big: {
      readToken: 2.2,
      readCall: 12,
      drawToken: 20,
      drawPerContext: 0.02,
      generateCall: 15,
      scoreToken: 1,
      scoreCall: 0,
      open: 8,
    },
  },
  "a big model that cannot keep up reading": {
    small: {
      readToken: 0.2,
      readCall: 2,
      drawToken: 3,
      drawPerContext: 0,
      generateCall: 4,
      scoreToken: 3,
      scoreCall: 5,
      open: 0,
    },
    big: {
      readToken: 9,
      readCall: 20,
      drawToken: 12,
      drawPerContext: 0,
      generateCall: 8,
      scoreToken: 1,
      scoreCall: 0,
      open: 0,
    },
  },
} as const satisfies Record<string, { readonly small: EnginePace; readonly big: EnginePace }>;

const SPANS: Spans = [
  [90, 3],
  [20, 20],
  [200, 70],
  [7, 8],
  [64, 33],
];

describe.each(Object.entries(PACES))("%s", (_name, paces) => {
  describe.each(Object.entries(MODES))("%s", (mode, options) => {
    const name = mode === "pipelined" ? "pipelined" : "sequential";

    it("predicts a trace whose small model asks", async () => {
      const measured = await measure(paces, smallEngine(SPANS), learned(), options);
      expect(measured.result.finishReason).toBe("end-of-turn");
      expect(measured.result.usage.switches).toBe(SPANS.length);
      const predicted = predict(paces, measured, name);
      expect(Math.abs(predicted.totalMs / measured.wallMs - 1)).toBeLessThan(0.01);
      expect(predicted.firstTokenMs).toBeCloseTo(measured.result.timing.firstTokenMs ?? NaN, -1);
      for (const [index, handoffMs] of measured.result.timing.handoffsMs.entries())
        expect(Math.abs((predicted.handoffsMs[index] ?? NaN) - handoffMs)).toBeLessThan(0.05 * handoffMs + 4);
      // A token that is due as the big model is stopped counts, or does not.
      expect(
        Math.abs(predicted.work.big.discarded - measured.result.usage.work.big.discarded),
      ).toBeLessThanOrEqual(2 * SPANS.length);
    });

    it.each([
      ["random", random({ share: 0.3, chunk: 32 })],
      ["always", always()],
      ["never", never()],
    ])("predicts a trace of the policy %s", async (policyName, policy) => {
      const small = smallEngine(policyName === "never" ? [] : [[100_000, 1]]);
      const measured = await measure(paces, small, policy, options);
      const predicted = predict(paces, measured, name);
      expect(Math.abs(predicted.totalMs / measured.wallMs - 1)).toBeLessThan(0.01);
    });

    it("predicts a trace in which the small model asks in vain", async () => {
      const measured = await measure(paces, eagerEngine(), never(), options);
      const { work, smallTokens } = measured.result.usage;
      expect(work.small.decoded - smallTokens).toBeGreaterThan(30);
      const predicted = predict(paces, measured, name);
      expect(Math.abs(predicted.totalMs / measured.wallMs - 1)).toBeLessThan(0.02);
    });
  });
});
