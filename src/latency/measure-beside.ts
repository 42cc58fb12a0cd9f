/**
 * Measures how much slower an engine is while another one works on the same machine. Models in one process share its cores, caches and event
 * loop. Each timing beside the other engine is taken next to one alone.
 */
import type { Clock } from "../core/clock.ts";
import { createRng } from "../core/rng.ts";
import type { Engine, Sequence } from "../engines/engine.ts";
import { type Filler, fillerOf } from "./filler.ts";

export interface Beside {
  /** Slow-down factors, at least 1: of decoding beside the other's prefill, and of prefill beside the other's decoding. */
  readonly decode: number;
  readonly prefill: number;
  readonly rounds: number;
}

export interface BesideSettings {
  readonly rounds: number;
  readonly maxSeconds: number;
  readonly seed: number;
  /** The figure that stands for the rounds' ratios, or for the timings alone and beside. */
  readonly typical: (values: readonly number[]) => number;
}

/** Length of the context of both engines, in tokens. */
const CONTEXT = 64;
const DECODE_TOKENS = 32;
const PREFILL_TOKENS = 64;

export async function measureBeside(
  engine: Engine,
  other: Engine,
  { rounds, maxSeconds, seed, typical }: BesideSettings,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Beside> {
  const label = `beside ${clock.isoNow()}`;
  const filler = await fillerOf(engine, createRng(seed).fork(label));
  const otherFiller = await fillerOf(other, createRng(seed).fork(`${label} other`));
  const startMs = clock.nowMs();
  await using sequence = await engine.open(undefined, signal);
  await using company = await other.open(undefined, signal);
  await sequence.append([filler.of(CONTEXT)], signal);
  await company.append([otherFiller.of(CONTEXT)], signal);
  const works = {
    decode: {
      own: () => decode(sequence, seed, signal),
      others: () => prefill(company, otherFiller, signal),
    },
    prefill: { own: () => prefill(sequence, filler, signal), others: () => decode(company, seed, signal) },
  };
  const alone = { decode: [] as number[], prefill: [] as number[] };
  const beside = { decode: [] as number[], prefill: [] as number[] };
  const timed = async (work: () => Promise<number>): Promise<number> => {
    const fromMs = clock.nowMs();
    const tokens = await work();
    return (clock.nowMs() - fromMs) / Math.max(1, tokens);
  };
  let done = 0;
  for (; done < rounds && (done === 0 || clock.nowMs() - startMs < maxSeconds * 1000); done++) {
    for (const kind of ["decode", "prefill"] as const) {
      alone[kind].push(await timed(works[kind].own));
      const stop = keepBusy(works[kind].others);
      try {
        beside[kind].push(await timed(works[kind].own));
      } finally {
        await stop();
      }
    }
  }
  const ratio = (kind: "decode" | "prefill"): number =>
    Math.max(1, Number((typical(beside[kind]) / typical(alone[kind])).toFixed(3)));
  return { decode: ratio("decode"), prefill: ratio("prefill"), rounds: done };
}

/** Repeats `work` until it is told to stop. Stopping waits for the last one. */
function keepBusy(work: () => Promise<unknown>): () => Promise<void> {
  const over = new AbortController();
  const loop = (async () => {
    while (!over.signal.aborted) await work();
  })();
  // `stop` reports its failure.
  loop.catch(() => {});
  return async () => {
    over.abort();
    await loop;
  };
}

/** Returns the number of tokens written. The sequence is as before. */
async function decode(sequence: Sequence, seed: number, signal: AbortSignal): Promise<number> {
  const base = sequence.position;
  let tokens = 0;
  const options = { maxTokens: DECODE_TOKENS, sampling: { temperature: 0, seed } };
  for await (const event of sequence.generate(options, signal)) if (event.type === "token") tokens++;
  await sequence.truncate(base);
  // The end of the turn is a draw too.
  return tokens < DECODE_TOKENS ? tokens + 1 : tokens;
}

/** Returns the number of tokens read. The sequence is as before. */
async function prefill(sequence: Sequence, filler: Filler, signal: AbortSignal): Promise<number> {
  const base = sequence.position;
  await sequence.append([filler.of(PREFILL_TOKENS)], signal);
  const tokens = sequence.position - base;
  // A server reads in the background: a token shows that it has read.
  for await (const _ of sequence.generate({ maxTokens: 1, sampling: { temperature: 0, seed: 0 } }, signal))
    break;
  await sequence.truncate(base);
  return tokens;
}
