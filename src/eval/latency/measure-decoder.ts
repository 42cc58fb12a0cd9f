/**
 * What the split decoder itself takes for a token: the same tokens drawn from the engine directly, and through `SplitDecoder` with offloading off. To a
 * model that needs milliseconds a token it is nothing; to the micro pair it is a tenth.
 */
import type { Clock } from "../../core/clock.ts";
import type { Piece } from "../../core/piece.ts";
import { never } from "../../decode/policies/never.ts";
import { SplitDecoder } from "../../decode/split-decoder.ts";
import type { Engine } from "../../engines/engine.ts";
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

/** Undefined where the model writes too few tokens behind `prompt` before it asks or ends. */
export async function measureDecoder(
  engine: Engine,
  prompt: readonly Piece[],
  seed: number,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<DecoderVisit | undefined> {
  const sampling = { temperature: 0, seed };
  const { isControlToken } = engine.capabilities;
  const stop = [OFFLOAD_TAGS.open, OFFLOAD_TAGS.close].filter(isControlToken);
  const directly = new Stretch(clock, TOKENS);
  {
    await using sequence = await engine.open(undefined, signal);
    await sequence.append(prompt, signal);
    const options = { maxTokens: TOKENS, sampling, ...(stop.length === 0 ? {} : { stop }) };
    for await (const event of sequence.generate(options, signal)) {
      if (event.type === "end") break;
      directly.note(1);
    }
  }
  if (directly.tokens < FEWEST) return undefined;
  const decoded = new Stretch(clock, directly.tokens);
  const decoder = new SplitDecoder({ small: engine }, { clock });
  const request = { prompt, policy: never(), limits: { maxTokens: directly.tokens }, sampling, signal };
  for await (const event of decoder.decode(request)) {
    if (event.type === "segment-delta") decoded.note(event.tokens.length);
  }
  return decoded.tokens < directly.tokens
    ? undefined
    : { directly: directly.timing, decoded: decoded.timing };
}

/** The time from a first token to the last of a wanted number. */
class Stretch {
  tokens = 0;
  readonly #clock: Clock;
  readonly #most: number;
  #fromMs = 0;
  #toMs = 0;

  constructor(clock: Clock, most: number) {
    this.#clock = clock;
    this.#most = most;
  }

  note(tokens: number): void {
    if (this.tokens >= this.#most) return;
    this.#toMs = this.#clock.nowMs();
    if (this.tokens === 0) this.#fromMs = this.#toMs;
    this.tokens += tokens;
  }

  /** Of the tokens behind the first. */
  get timing(): Timing {
    return { tokens: this.tokens - 1, ms: this.#toMs - this.#fromMs };
  }
}
