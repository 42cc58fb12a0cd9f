/** Simulates the big model while it writes a segment and the small one reads along: the counterpart of the decoder's `BigReader`. */
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

  /** Tokens that are written and not yet taken. */
  get waiting(): number {
    return this.#produced - this.#taken;
  }

  /** Whether the requested tokens are written, or no more will come. */
  get isFull(): boolean {
    return this.#isOver || this.#produced >= this.#asked;
  }

  /** Whether the big model ended its turn. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Asks for tokens. The big model draws no others. */
  ask(tokens: number): void {
    this.#asked = this.#taken + tokens;
    this.#goOn();
  }

  take(): number {
    const tokens = this.waiting;
    this.#taken += tokens;
    return tokens;
  }

  /** Ends the segment. Tokens beyond it, including the one under way, are discarded. */
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
