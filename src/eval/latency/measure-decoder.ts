/**
 * What the split decoder itself takes for a token: the same tokens drawn from the engine directly, and through `SplitDecoder` with offloading off. To a
 * model that needs milliseconds a token it is nothing; to the micro pair it is a tenth.
 */
import type { Clock } from "../../core/clock.ts";
import type { Piece } from "../../core/piece.ts";
import { never } from "../../decode/policies/never.ts";
import { SplitDecoder } from "../../decode/split-decoder.ts";
import type { Engine, Sampling } from "../../engines/engine.ts";
import { OFFLOAD_TAGS } from "../../tags/grammar.ts";
import type { Timing } from "./estimates.ts";

/** Draws in one timing, at most. */
const TOKENS = 48;
/** A timing over fewer says nothing. */
const FEWEST = 8;

/** The same tokens, twice. */
export interface DecoderVisit {
  readonly directly: Timing;
  readonly decoded: Timing;
}

/**
 * Undefined where the model writes too few tokens behind `prompt` before it asks or ends.
 * @param decoderFirst Whether the decoder goes first: who goes second finds caches warm, so callers take turns.
 */
export async function measureDecoder(
  engine: Engine,
  prompt: readonly Piece[],
  { seed, decoderFirst }: { readonly seed: number; readonly decoderFirst: boolean },
  hooks: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<DecoderVisit | undefined> {
  const sampling = { temperature: 0, seed };
  const early = decoderFirst ? await drawThroughDecoder(engine, prompt, sampling, hooks) : undefined;
  const directly = await drawDirectly(engine, prompt, sampling, hooks);
  const decoded = early ?? (await drawThroughDecoder(engine, prompt, sampling, hooks));
  // As many as the model draws before the first tag; the decoder goes on behind it.
  const tokens = directly.length;
  if (tokens < FEWEST || decoded.length < tokens) return undefined;
  return { directly: stretch(directly, tokens), decoded: stretch(decoded, tokens) };
}

/** When each token came, ms. */
async function drawDirectly(
  engine: Engine,
  prompt: readonly Piece[],
  sampling: Sampling,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<number[]> {
  const times: number[] = [];
  const stop = [OFFLOAD_TAGS.open, OFFLOAD_TAGS.close].filter(engine.capabilities.isControlToken);
  await using sequence = await engine.open(undefined, signal);
  await sequence.append(prompt, signal);
  const options = { maxTokens: TOKENS, sampling, ...(stop.length === 0 ? {} : { stop }) };
  for await (const event of sequence.generate(options, signal)) {
    if (event.type === "end") break;
    times.push(clock.nowMs());
  }
  return times;
}

async function drawThroughDecoder(
  engine: Engine,
  prompt: readonly Piece[],
  sampling: Sampling,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<number[]> {
  const times: number[] = [];
  const decoder = new SplitDecoder({ small: engine }, { clock });
  const request = { prompt, policy: never(), limits: { maxTokens: TOKENS }, sampling, signal };
  for await (const event of decoder.decode(request)) {
    if (event.type === "segment-delta") for (const _ of event.tokens) times.push(clock.nowMs());
  }
  return times;
}

/** From the first token to the last of `tokens`: the time of those behind the first. */
const stretch = (times: readonly number[], tokens: number): Timing => ({
  tokens: tokens - 1,
  ms: (times[tokens - 1] ?? NaN) - (times[0] ?? NaN),
});
