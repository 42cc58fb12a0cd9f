/**
 * One model in a simulated decode: its sequence, and the tokens that it still has to read. It is the counterpart of `ModelContext` and of the
 * engines' `TokenSequence`: the last token is only read by the draw that needs it.
 */
import type { EngineProfile } from "./profile.ts";
import { SpeedCurve } from "./speed-curve.ts";
import type { Cause, Job, Role, VirtualTime } from "./virtual-time.ts";

const GRAIN = 16;

/** The work of an engine in tokens, counted like `EngineWork` of the decoder. */
export interface SimulatedWork {
  prefilled: number;
  scored: number;
  decoded: number;
  /** The part of `decoded` that was discarded. */
  discarded: number;
}

/** The costs of a profile as functions. */
export class EngineCosts {
  readonly profile: EngineProfile;
  readonly decode: SpeedCurve;
  readonly prefill: SpeedCurve;
  readonly score: SpeedCurve;

  constructor(profile: EngineProfile) {
    this.profile = profile;
    this.decode = new SpeedCurve(profile.decode);
    this.prefill = new SpeedCurve(profile.prefill);
    this.score = profile.score === undefined ? this.prefill : new SpeedCurve(profile.score);
  }
}

export class EngineModel {
  readonly work: SimulatedWork = { prefilled: 0, scored: 0, decoded: 0, discarded: 0 };
  readonly #time: VirtualTime;
  readonly #role: Role;
  readonly costs: EngineCosts;
  /** Tokens after which the model reads in the background; undefined if it reads only when it must. */
  readonly #chunk: number | undefined;
  #position = 0;
  /** Tokens in the sequence that the engine has not read: the last one appended or drawn. */
  #held = 0;
  #pending = 0;
  #drainQueued = false;
  #opened = false;

  constructor(time: VirtualTime, role: Role, costs: EngineCosts, chunk: number | undefined) {
    this.#time = time;
    this.#role = role;
    this.costs = costs;
    this.#chunk = chunk;
  }

  /** Tokens in the model's sequence. */
  get position(): number {
    return this.#position;
  }

  /** How many more tokens can be written before the model starts to read in the background. */
  get untilDrain(): number {
    if (this.#chunk === undefined) return Infinity;
    // Tokens written until its turn comes are read with it: the simulation is no finer.
    return this.#drainQueued ? GRAIN : Math.max(1, this.#chunk - this.#pending);
  }

  /** @param atOnce Whether to begin reading in the background, however little there is. */
  write(tokens: number, atOnce = false): void {
    this.#pending += tokens;
    if (this.#chunk === undefined || this.#drainQueued) return;
    if (this.#pending < this.#chunk && !atOnce) return;
    this.#drainQueued = true;
    this.#enqueueRead(() => {
      this.#drainQueued = false;
    });
  }

  /** Waits until the model has read everything written. */
  sync(cause: Cause): void {
    const job = this.#enqueueRead();
    this.#time.waitFor(this.#role, cause, () => job.done);
  }

  /** The call that begins a generation. */
  beginGeneration(): void {
    this.#time.run(this.#role, "overhead", this.costs.profile.overhead.generateCallMs, "overhead");
  }

  /** The same in the background, while something else is waited for. */
  enqueueGeneration(): void {
    this.#time.enqueue(this.#role, "overhead", () => this.costs.profile.overhead.generateCallMs);
  }

  /** Writes tokens without a pause. */
  decode(tokens: number, cause: Cause): void {
    this.#time.run(this.#role, "decode", this.#draw(tokens), cause);
  }

  /** Writes a token in the background, unless nobody wants it any more when its turn comes. */
  enqueueDraw(isEnd: boolean, isUnwanted: () => boolean, onDone: () => void): void {
    const work = (): number => {
      if (isUnwanted()) return 0;
      const ms = this.#draw(1);
      if (isEnd) this.cut(1);
      return ms;
    };
    this.#time.enqueue(this.#role, "decode", work, onDone);
  }

  /** Milliseconds to write tokens. They are in the sequence from now on. */
  #draw(tokens: number): number {
    const ms = this.costs.decode.milliseconds(this.#position, tokens);
    this.#position += tokens;
    this.#held = 1;
    this.work.decoded += tokens;
    return ms;
  }

  /** Draws a tag or the end of the turn, which is no token of the output and does not stay in the sequence. */
  drawEnd(cause: Cause): void {
    this.decode(1, cause);
    this.cut(1);
  }

  /** The controlling prefill of a chunk, with the tags written before it. */
  readAndPredict(tokens: number, cause: Cause): void {
    const { scoreCallMs } = this.costs.profile.overhead;
    const all = tokens + this.#pending + this.#held;
    this.#time.run(this.#role, "overhead", scoreCallMs, "overhead");
    this.#time.run(this.#role, "prefill", this.costs.score.milliseconds(this.#position, all), cause);
    this.#position += tokens + this.#pending;
    this.work.scored += tokens + this.#pending;
    this.#pending = 0;
    this.#held = 0;
  }

  /** Forgets the last tokens. */
  cut(tokens: number): void {
    this.#position -= tokens;
    // The draw that follows reads the last token again.
    this.#held = 0;
  }

  /** Ends the request. An engine that cannot be stopped within a call finishes that call. */
  close(): void {
    this.#time.dropWaiting(this.#role);
    const job = this.#time.active(this.#role);
    if (job === undefined || this.costs.profile.cancels) return;
    this.#time.waitFor(this.#role, "overhead", () => job.done);
  }

  #enqueueRead(onStart?: () => void): Job {
    const { overhead } = this.costs.profile;
    const read = { tokens: 0, position: 0 };
    this.#time.enqueue(this.#role, "overhead", () => {
      onStart?.();
      read.tokens = Math.max(0, this.#pending + this.#held - 1);
      read.position = this.#position;
      if (this.#pending > 0) this.#held = 1;
      this.work.prefilled += this.#pending;
      this.#position += this.#pending;
      this.#pending = 0;
      const openMs = this.#opened ? 0 : overhead.openMs;
      this.#opened = true;
      return openMs + (read.tokens > 0 ? overhead.prefillCallMs : 0);
    });
    return this.#time.enqueue(this.#role, "prefill", () =>
      read.tokens === 0 ? 0 : this.costs.prefill.milliseconds(read.position, read.tokens),
    );
  }
}
