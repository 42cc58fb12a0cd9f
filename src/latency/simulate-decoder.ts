/**
 * Simulates the split decoder in virtual time: the calls that `SplitDecoder` makes to both models for a trace whose tokens are known
 * (docs/decoding.md; Paper 3.1 for the two prefills). Left out: retries, engines that probe instead of scoring, other requests.
 */
import { chunkSize, patienceMs } from "../decode/segments/chunks.ts";
import { BigStream } from "./big-stream.ts";
import { type EngineCosts, EngineModel, type SimulatedWork } from "./engine-model.ts";
import type { Trace, TraceSegment } from "./trace.ts";
import { type Cause, type JobKind, type Role, VirtualTime } from "./virtual-time.ts";

/** The decoder's options that concern time. */
export interface DecoderTiming {
  /** Whether the idle model reads along in the background. */
  readonly streamingPrefill: boolean;
  /** Tokens after which it reads along. */
  readonly prefillChunk: number;
  /** Sizes of the chunks of a segment that the small model reads at once. The last one repeats. */
  readonly chunks: readonly number[];
  /** Whether an idle small model reads an unfinished chunk. */
  readonly eagerChunks: boolean;
}

export interface Simulation {
  readonly totalMs: number;
  /** Time to the first token of the output; undefined for an empty output. */
  readonly firstTokenMs: number | undefined;
  /** Wall-clock by cause; the sum is `totalMs`. */
  readonly msByCause: Readonly<Record<Cause, number>>;
  /** Time from the decision to hand over to the big model's first token, one entry a hand-off. */
  readonly handoffsMs: readonly number[];
  readonly work: Readonly<Record<Role, SimulatedWork>>;
  /** Work of each machine, as long as it takes alone. A machine that is paid by use costs this. */
  readonly busyMs: Readonly<Record<Role, number>>;
}

export type PairCosts = Readonly<Record<Role, EngineCosts>>;

/** Simulates one request alone on both machines. */
export function simulateDecoder(trace: Trace, costs: PairCosts, timing: DecoderTiming): Simulation {
  return new DecoderRun(costs, timing).decode(trace);
}

class DecoderRun {
  readonly #time: VirtualTime;
  readonly #timing: DecoderTiming;
  readonly #small: EngineModel;
  readonly #big: EngineModel;
  readonly #handoffsMs: number[] = [];
  #firstTokenMs: number | undefined;
  /** Small tokens between two refused tags, a fraction. Their places are not recorded, so they are spread evenly. */
  #refusalInterval = Infinity;
  #refused = 0;
  #smallTokens = 0;
  /** Time that the small model took to read its last chunk. */
  #confirmMs: number | undefined;

  constructor(costs: PairCosts, timing: DecoderTiming) {
    const slowdownOf = (role: Role) => (kind: JobKind) =>
      kind === "overhead" ? 1 : costs[role].profile.beside[kind];
    const chunk = timing.streamingPrefill ? timing.prefillChunk : undefined;
    this.#time = new VirtualTime({ small: slowdownOf("small"), big: slowdownOf("big") });
    this.#timing = timing;
    this.#small = new EngineModel(this.#time, "small", costs.small, chunk);
    this.#big = new EngineModel(this.#time, "big", costs.big, chunk);
  }

  decode(trace: Trace): Simulation {
    const usesBig = trace.segments.some(({ author }) => author === "big");
    const own = trace.segments.reduce((sum, one) => sum + (one.author === "small" ? one.tokens : 0), 0);
    if (own > 0) this.#refusalInterval = own / (trace.refusedTags ?? 0);
    const usesSmall = !usesBig || trace.segments.some(({ author }) => author === "small");
    if (usesBig) this.#big.write(trace.promptTokens, true);
    if (usesSmall) this.#small.write(trace.promptTokens);
    (usesSmall ? this.#small : this.#big).sync("promptPrefill");
    for (const segment of trace.segments) {
      if (segment.author === "small") this.#writeSmall(segment, usesBig);
      else if (segment.began === "asked") this.#writeAsked(segment);
      else this.#writeScheduled(segment, usesSmall);
    }
    this.#big.close();
    return {
      totalMs: this.#time.nowMs,
      firstTokenMs: this.#firstTokenMs,
      msByCause: this.#time.msByCause,
      handoffsMs: this.#handoffsMs,
      work: { small: this.#small.work, big: this.#big.work },
      busyMs: this.#time.busyMs,
    };
  }

  #writeSmall({ tokens, ended }: TraceSegment, bigListens: boolean): void {
    this.#small.sync("handoffPrefill");
    this.#small.beginGeneration();
    for (let left = tokens; left > 0;) {
      // The middle of each interval.
      const next = Math.ceil((this.#refused + 0.5) * this.#refusalInterval);
      const run = Math.min(left, next - this.#smallTokens);
      if (run > 0) this.#writeAlong(this.#small, bigListens ? this.#big : undefined, run, "smallDecode");
      left -= run;
      this.#smallTokens += run;
      if (this.#smallTokens >= next) this.#refuseTag();
    }
    if (ended === "tag" || ended === "end-of-turn") this.#small.drawEnd("smallDecode");
    if (ended === "tag") this.#small.write(1);
  }

  /** Draws a tag that is refused. The token in its place takes a call of its own, the rest another. */
  #refuseTag(): void {
    this.#small.drawEnd("smallDecode");
    this.#small.beginGeneration();
    this.#small.beginGeneration();
    this.#refused++;
  }

  /** Tells the other model of each token, so that it may begin to read. */
  #writeAlong(writer: EngineModel, listener: EngineModel | undefined, tokens: number, cause: Cause): void {
    for (let left = tokens; left > 0;) {
      const run = this.#firstTokenMs === undefined ? 1 : Math.min(left, listener?.untilDrain ?? left);
      writer.decode(run, cause);
      listener?.write(run);
      this.#firstTokenMs ??= this.#time.nowMs;
      left -= run;
    }
  }

  #writeScheduled({ tokens, ended }: TraceSegment, smallListens: boolean): void {
    const startMs = this.#time.nowMs;
    this.#big.sync("handoffPrefill");
    this.#big.beginGeneration();
    const listener = smallListens ? this.#small : undefined;
    this.#writeAlong(this.#big, listener, 1, "bigDecode");
    this.#handoffsMs.push(this.#time.nowMs - startMs);
    this.#writeAlong(this.#big, listener, tokens - 1, "bigDecode");
    if (ended === "end-of-turn") this.#big.drawEnd("bigDecode");
  }

  /** The big model fills the next chunk while the small one reads the last one. */
  #writeAsked(segment: TraceSegment): void {
    const time = this.#time;
    const { chunks, eagerChunks } = this.#timing;
    const sizeOf = (index: number): number => chunkSize(chunks, index);
    const hurryFrom = (): number => (eagerChunks ? time.nowMs + patienceMs(this.#confirmMs) : Infinity);
    const startMs = time.nowMs;
    this.#big.sync("handoffPrefill");
    const stream = new BigStream(time, this.#big, segment);
    stream.ask(sizeOf(0));
    let hurryMs = hurryFrom();
    let read = 0;
    for (let index = 1; ; index++) {
      time.waitFor("big", "bigDecode", () => stream.isFull, hurryMs);
      time.waitFor("big", "bigDecode", () => stream.isFull || stream.waiting > 0);
      if (index === 1) this.#handoffsMs.push((stream.firstTokenMs ?? time.nowMs) - startMs);
      const chunk = stream.take();
      stream.ask(sizeOf(index));
      const confirmFromMs = time.nowMs;
      if (chunk > 0) this.#small.readAndPredict(chunk, "controlPrefill");
      this.#confirmMs = time.nowMs - confirmFromMs;
      this.#firstTokenMs ??= time.nowMs;
      hurryMs = hurryFrom();
      read += chunk;
      if (segment.ended === "cut" ? read >= segment.tokens : stream.isOver && stream.waiting === 0) break;
    }
    stream.stop();
    this.#small.cut(read - segment.tokens);
    // The close tag, whether the model or the decoder decided.
    this.#small.write(1);
  }
}
