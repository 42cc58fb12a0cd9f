/**
 * Simulates the reference's procedure in virtual time (its published evaluation; the paper calls it not pipelined). The small model writes up to
 * the tag. The big one reads all new text and writes 64 tokens. After each of these tokens the small one is prompted again for 8 tokens, to see
 * whether the close tag is among them. Then the small model continues, or the big one writes the next 64 tokens. Servers keep a prefix cache,
 * so a prompt costs only its new tokens. Nothing runs at the same time as anything else.
 */
import { EngineModel } from "./engine-model.ts";
import type { PairCosts, Simulation } from "./simulate-decoder.ts";
import type { Trace } from "./trace.ts";
import { VirtualTime } from "./virtual-time.ts";

const CHUNK = 64;
const PROBE_TOKENS = 8;

/** @param atOnce Whether the prompts of a chunk run side by side and take as long as one with all new text: the kinder reading of the procedure. */
export function simulateReference(trace: Trace, costs: PairCosts, atOnce: boolean): Simulation {
  const time = new VirtualTime({ small: () => 1, big: () => 1 });
  const small = new EngineModel(time, "small", costs.small, undefined);
  const big = new EngineModel(time, "big", costs.big, undefined);
  const handoffsMs: number[] = [];
  let firstTokenMs: number | undefined;
  small.write(trace.promptTokens);
  big.write(trace.promptTokens);
  for (const { author, tokens, ended } of trace.segments) {
    if (author === "small") {
      small.sync(firstTokenMs === undefined ? "promptPrefill" : "handoffPrefill");
      small.beginGeneration();
      small.decode(1, "smallDecode");
      firstTokenMs ??= time.nowMs;
      small.decode(tokens - 1, "smallDecode");
      if (ended === "tag" || ended === "end-of-turn") small.drawEnd("smallDecode");
      if (ended === "tag") small.write(1);
      big.write(tokens);
      continue;
    }
    const askedMs = time.nowMs;
    for (let kept = 0; kept < tokens; kept += CHUNK) {
      const isLast = kept + CHUNK >= tokens;
      big.sync("handoffPrefill");
      big.beginGeneration();
      big.decode(1, "bigDecode");
      if (kept === 0) handoffsMs.push(time.nowMs - askedMs);
      // Without a close tag the end of the turn ends the chunk; with one, the chunk is written to its end.
      const written = isLast && ended !== "cut" ? tokens - kept : CHUNK;
      big.decode(written - 1, "bigDecode");
      for (let probe = 0; probe < (atOnce ? 1 : written); probe++) {
        small.write(atOnce ? written : 1);
        small.sync("controlPrefill");
        small.beginGeneration();
        small.decode(PROBE_TOKENS, "controlPrefill");
        small.work.discarded += PROBE_TOKENS * (atOnce ? written : 1);
        if (atOnce) small.work.decoded += PROBE_TOKENS * (written - 1);
        small.cut(PROBE_TOKENS);
      }
      firstTokenMs ??= time.nowMs;
      const excess = Math.max(0, kept + written - tokens);
      small.cut(excess);
      big.cut(excess);
      big.work.discarded += excess;
    }
    small.write(1);
  }
  return {
    totalMs: time.nowMs,
    firstTokenMs,
    msByCause: time.msByCause,
    handoffsMs,
    work: { small: small.work, big: big.work },
    busyMs: time.busyMs,
  };
}
