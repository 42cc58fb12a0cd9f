/** Arms (1) and (2): our decoder over our HTTP engines. */
import { SplitDecoder, type SplitOptionsInput, learned } from "../../src/decode/index.ts";
import type { Engine } from "../../src/engines/engine.ts";
import type { EngineTokenizer } from "../../src/engines/token-backend.ts";
import { checkTrace, promptOf, TRACE } from "./trace.ts";

export interface Run {
  readonly wallMs: number;
  readonly handoffsMs: readonly number[];
}

/** The options of each arm. Without the prefills, each model reads only when it has to, the small one 64 tokens at a time. */
export const OUR_OPTIONS = {
  pipelined: {},
  unpipelined: { streamingPrefill: false, chunks: [64], eagerChunks: false },
} as const satisfies Record<string, SplitOptionsInput>;

export async function runOurs(
  pair: { readonly small: Engine; readonly big: Engine },
  tokenizer: EngineTokenizer,
  run: number,
  options: SplitOptionsInput,
): Promise<Run> {
  const authors: ("small" | "big")[] = [];
  const startMs = performance.now();
  let handoffsMs: readonly number[] = [];
  const events = new SplitDecoder(pair).decode({
    prompt: promptOf(tokenizer, run),
    policy: learned(),
    limits: { maxTokens: TRACE.tokens },
    sampling: { temperature: 0, seed: 1 },
    options,
  });
  for await (const event of events) {
    if (event.type === "segment-delta") for (const _ of event.tokens) authors.push(event.author);
    if (event.type === "degraded") throw new Error(event.message);
    if (event.type !== "finish") continue;
    if (event.reason !== "length") throw new Error(`it ended by ${event.reason}: ${event.message ?? ""}`);
    ({ handoffsMs } = event.timing);
  }
  const wallMs = performance.now() - startMs;
  checkTrace(authors);
  return { wallMs, handoffsMs };
}
