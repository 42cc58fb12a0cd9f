/**
 * Measures an engine's speeds for the latency model, one sequence at a time, with the same calls that the split decoder makes. The engine has
 * never read the text before, so that no prefix cache helps.
 */
import type { Clock } from "../core/clock.ts";
import { EngineError } from "../core/errors.ts";
import { createRng } from "../core/rng.ts";
import type { Engine, Sequence } from "../engines/engine.ts";
import { OFFLOAD_TAGS, THINK_TAGS } from "../tags/grammar.ts";
import type { Timing } from "./estimates.ts";
import { type Filler, fillerOf } from "./filler.ts";

export interface MeasureSettings {
  /** Lengths of context at which speeds are measured, in tokens, rising. */
  readonly contexts: readonly number[];
  /** Number of timings at each length. */
  readonly rounds: number;
  /** Tokens decoded in one timing. */
  readonly decodeTokens: number;
  /** Tokens read in one timing of the prefill, rising. */
  readonly prefillTokens: readonly number[];
  /** Tokens of the chunks of the controlling prefill that are timed, rising. */
  readonly scoreTokens: readonly number[];
  /** Sampling temperature to measure at; sampling above 0 can be slower. */
  readonly temperature: number;
  /** Time limit. A context that would end later is not begun, except the very first. */
  readonly maxSeconds: number;
  readonly seed: number;
}

export interface MeasureHooks {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called after each visit of a context; `done` of `total` visits. */
  readonly onVisit?: (done: number, total: number, contextTokens: number) => void;
}

/** Timings at one length of context in one round. */
export interface Visit {
  readonly round: number;
  /** The requested length; the sequence may differ by a word. */
  readonly contextTokens: number;
  /** Time from a call to decode to the first token, with one token unread. */
  readonly firstTokenMs: number;
  /** Time to read this many more tokens and draw the first token. */
  readonly reads: readonly Timing[];
  /** Tokens after the first of a generation; empty if the model did not write any. */
  readonly decoded: Timing;
  /** The controlling prefill, if the engine has it. */
  readonly scores: readonly Timing[];
}

export interface Measurement {
  readonly visits: readonly Visit[];
  /** Time to open and close a sequence, once a round. */
  readonly opensMs: readonly number[];
  /** Contexts for which there was no time. */
  readonly leftOut: readonly number[];
  /** Number of rounds begun. */
  readonly rounds: number;
  readonly seconds: number;
}

/**
 * Times the engine at each context in each round, so that a disturbance of the machine affects all contexts.
 * @throws EngineError when the engine fails, or never writes a second token.
 */
export async function measureEngine(
  engine: Engine,
  settings: MeasureSettings,
  { clock, signal, onVisit }: MeasureHooks,
): Promise<Measurement> {
  const filler = await fillerOf(engine, createRng(settings.seed).fork(`filler ${clock.isoNow()}`));
  const visits: Visit[] = [];
  const opensMs: number[] = [];
  const startMs = clock.nowMs();
  const secondsLeft = (): number => settings.maxSeconds - (clock.nowMs() - startMs) / 1000;
  let contexts = settings.contexts;
  let rounds = 0;
  while (rounds < settings.rounds && (rounds === 0 || secondsLeft() > 0)) {
    const openedMs = clock.nowMs();
    const sequence = await engine.open(undefined, signal);
    let openMs = clock.nowMs() - openedMs;
    const bench = new SequenceBench(engine, sequence, filler, settings, clock, signal);
    // A warm-up: the first call pays for what later ones find ready.
    try {
      if (rounds === 0) await bench.warmUp();
      for (const contextTokens of contexts) {
        signal.throwIfAborted();
        const wanted = expectedSeconds(visits, sequence.position, contextTokens, settings);
        if (visits.length > 0 && wanted > secondsLeft()) {
          if (rounds === 0) contexts = contexts.filter((context) => context < contextTokens);
          break;
        }
        visits.push({ round: rounds, contextTokens, ...(await bench.visit(contextTokens, rounds)) });
        onVisit?.(visits.length, settings.rounds * contexts.length, contextTokens);
      }
    } finally {
      const closingMs = clock.nowMs();
      await sequence.close();
      openMs += clock.nowMs() - closingMs;
    }
    opensMs.push(openMs);
    rounds++;
  }
  if (visits.every(({ decoded }) => decoded.tokens === 0)) {
    throw new EngineError(
      `${engine.model}: the model ends its turn at once, whatever it reads, so its decoding cannot be timed; try --temperature 1.`,
      { code: "engine-failed" },
    );
  }
  return {
    visits,
    opensMs,
    leftOut: settings.contexts.filter((context) => !contexts.includes(context)),
    rounds,
    seconds: (clock.nowMs() - startMs) / 1000,
  };
}

/** Estimates from the slowest speeds so far: longer contexts are no faster. */
function expectedSeconds(
  visits: readonly Visit[],
  position: number,
  contextTokens: number,
  { prefillTokens, decodeTokens, scoreTokens }: MeasureSettings,
): number {
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const slowest = (pick: (visit: Visit) => readonly Timing[]): number =>
    Math.max(0, ...visits.flatMap(pick).map(({ tokens, ms }) => (tokens === 0 ? 0 : ms / tokens)));
  const prefillMs = slowest(({ reads }) => reads.slice(-1));
  const decodeMs = slowest(({ decoded }) => [decoded]);
  const reading = Math.max(0, contextTokens - position) + sum(prefillTokens) + sum(scoreTokens);
  return (reading * prefillMs + (decodeTokens + prefillTokens.length) * decodeMs) / 1000;
}

/** Number of attempts with a model that ends its turn at once. */
const MAX_ATTEMPTS = 12;

class SequenceBench {
  readonly #sequence: Sequence;
  readonly #filler: Filler;
  readonly #settings: MeasureSettings;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #stop: readonly string[];
  readonly #watch: string | undefined;

  constructor(
    engine: Engine,
    sequence: Sequence,
    filler: Filler,
    settings: MeasureSettings,
    clock: Clock,
    signal: AbortSignal,
  ) {
    const { isControlToken, scores } = engine.capabilities;
    const tags = [OFFLOAD_TAGS.open, OFFLOAD_TAGS.close].filter(isControlToken);
    this.#sequence = sequence;
    this.#filler = filler;
    this.#settings = settings;
    this.#clock = clock;
    this.#signal = signal;
    this.#stop = tags;
    this.#watch =
      scores === "every-position"
        ? [OFFLOAD_TAGS.close, THINK_TAGS.close].find(isControlToken)
        : tags.find((tag) => tag === OFFLOAD_TAGS.close);
  }

  async warmUp(): Promise<void> {
    await this.#read(8);
    await this.#firstToken(8, 0);
    await this.#sequence.truncate(0);
  }

  /** Grows the sequence to `contextTokens` and times everything at this length. Afterwards it has this length again. */
  async visit(
    contextTokens: number,
    round: number,
  ): Promise<Pick<Visit, "firstTokenMs" | "reads" | "decoded" | "scores">> {
    const missing = contextTokens - this.#sequence.position;
    if (missing > 0) await this.#read(missing);
    const base = this.#sequence.position;
    const back = (): Promise<void> => this.#sequence.truncate(base);
    // Servers read in the background: appended text is surely read when a token comes.
    await this.#firstToken(1, round);
    await back();
    const reads: Timing[] = [];
    const first = await this.#firstToken(1, round);
    await back();
    for (const tokens of this.#settings.prefillTokens) {
      reads.push(await this.#firstToken(tokens, round));
      await back();
    }
    const decoded = await this.#decode(round);
    await back();
    const scores: Timing[] = [];
    if (this.#watch !== undefined) {
      for (const tokens of this.#settings.scoreTokens) {
        scores.push(await this.#score(tokens, this.#watch));
        await back();
      }
    }
    return { firstTokenMs: first.ms, reads, decoded, scores };
  }

  async #read(tokens: number): Promise<void> {
    const outcome = await this.#sequence.append([this.#filler.of(tokens)], this.#signal);
    if (outcome.status === "context-full") this.#full(outcome.required, outcome.capacity);
  }

  /** The end of the turn is a draw too: it takes as long as a token. */
  async #firstToken(tokens: number, round: number): Promise<Timing> {
    const before = this.#sequence.position;
    const startMs = this.#clock.nowMs();
    await this.#read(tokens);
    const read = this.#sequence.position - before;
    let endMs = startMs;
    for await (const _ of this.#generate(1, round)) {
      endMs = this.#clock.nowMs();
      break;
    }
    return { tokens: read, ms: endMs - startMs };
  }

  async #decode(round: number): Promise<Timing> {
    const { decodeTokens } = this.#settings;
    let [tokens, ms] = [0, 0];
    for (let attempt = 0; attempt < MAX_ATTEMPTS && tokens < decodeTokens; attempt++) {
      await this.#read(attempt === 0 ? 1 : 4);
      let firstMs: number | undefined;
      let [count, lastMs] = [0, 0];
      for await (const _ of this.#generate(decodeTokens - tokens + 1, round * MAX_ATTEMPTS + attempt)) {
        lastMs = this.#clock.nowMs();
        if (firstMs === undefined) firstMs = lastMs;
        else count++;
        if (count >= decodeTokens - tokens) break;
      }
      tokens += count;
      if (firstMs !== undefined) ms += lastMs - firstMs;
    }
    return { tokens, ms };
  }

  async #score(tokens: number, watch: string): Promise<Timing> {
    const before = this.#sequence.position;
    const startMs = this.#clock.nowMs();
    const outcome = await this.#sequence.score([this.#filler.of(tokens)], { watch: [watch] }, this.#signal);
    if (outcome.status === "context-full") this.#full(outcome.required, outcome.capacity);
    return { tokens: this.#sequence.position - before, ms: this.#clock.nowMs() - startMs };
  }

  #generate(maxTokens: number, draw: number) {
    const { temperature, seed } = this.#settings;
    return this.#sequence.generate(
      {
        maxTokens,
        sampling: { temperature, seed: seed + draw },
        ...(this.#stop.length === 0 ? {} : { stop: this.#stop }),
      },
      this.#signal,
    );
  }

  #full(required: number, capacity: number): never {
    throw new EngineError(
      `a context of ${required} tokens does not fit: the engine holds ${capacity}; give shorter ones with --contexts.`,
      { code: "usage" },
    );
  }
}
