/** The big model writing a segment that the small one reads along, in virtual time: the counterpart of the decoder's `BigReader`. */
import type { EngineModel } from "./engine-model.ts";
import type { TraceSegment } from "./trace.ts";
import type { VirtualTime } from "./virtual-time.ts";

export class BigStream {
  firstTokenMs: number | undefined;
  readonly #time: VirtualTime;
  readonly #big: EngineModel;
  readonly #segment: TraceSegment;
  readonly #startPosition: number;
  #asked = 0;
  #taken = 0;
  #produced = 0;
  #running = false;
  #isOver = false;
  #stopped = false;

  /** The big model's context must be up to date. */
  constructor(time: VirtualTime, big: EngineModel, segment: TraceSegment) {
    this.#time = time;
    this.#big = big;
    this.#segment = segment;
    this.#startPosition = big.position;
    big.enqueueGeneration();
  }

  /** Tokens that are there and not taken. */
  get waiting(): number {
    return this.#produced - this.#taken;
  }

  /** Whether what was asked for is there, or nothing more comes. */
  get isFull(): boolean {
    return this.#isOver || this.#produced >= this.#asked;
  }

  /** Whether it ended by itself. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Nothing is drawn ahead of what was asked for. */
  ask(tokens: number): void {
    this.#asked = this.#taken + tokens;
    this.#goOn();
  }

  take(): number {
    const tokens = this.waiting;
    this.#taken += tokens;
    return tokens;
  }

  /** The segment is over: what was written beyond it, the token under way included, is thrown away. */
  stop(): void {
    this.#stopped = true;
    const written = this.#big.position - this.#startPosition;
    const excess = Math.max(0, written - this.#segment.tokens);
    this.#big.work.discarded += excess;
    if (excess > 0) this.#big.cut(excess);
  }

  #goOn(): void {
    if (this.#running || this.#isOver || this.#stopped || this.#produced >= this.#asked) return;
    const { ended, tokens } = this.#segment;
    const isAtEnd = ended !== "cut" && this.#produced >= tokens;
    if (isAtEnd && ended !== "end-of-turn") {
      this.#isOver = true;
      return;
    }
    this.#running = true;
    this.#big.enqueueDraw(
      isAtEnd,
      () => this.#stopped,
      () => {
        this.#running = false;
        if (this.#stopped) return;
        if (isAtEnd) this.#isOver = true;
        else {
          this.#produced++;
          this.firstTokenMs ??= this.#time.nowMs;
        }
        this.#goOn();
      },
    );
  }
}
