/** The speed at which tokens are written now: over the last half minute, so that it follows the load of the machine. */
import { count } from "../../core/figures.ts";

const WINDOW_MS = 30_000;
/** Time between two marks, and before a speed is worth saying. */
const MARK_MS = 500;

export class TokenSpeed {
  #total = 0;
  /** Totals at times, the oldest first. */
  readonly #marks: { readonly atMs: number; readonly total: number }[] = [];

  add(tokens: number, nowMs: number): void {
    const last = this.#marks.at(-1);
    // The first tokens begin the clock. The time before them went into loading and prompts.
    this.#total += tokens;
    if (last !== undefined && nowMs - last.atMs < MARK_MS) return;
    this.#marks.push({ atMs: nowMs, total: this.#total });
    while (this.#marks.length > 2 && nowMs - (this.#marks[1]?.atMs ?? 0) > WINDOW_MS) this.#marks.shift();
  }

  /** `1,234 tokens, 23.4 tokens/s`; empty before the first token. */
  text(): string {
    const [first, last] = [this.#marks[0], this.#marks.at(-1)];
    if (first === undefined || last === undefined) return "";
    const written = this.#total === 1 ? "1 token" : `${count(this.#total)} tokens`;
    if (last.atMs === first.atMs) return written;
    const perSecond = (1000 * (last.total - first.total)) / (last.atMs - first.atMs);
    return `${written}, ${perSecond < 100 ? perSecond.toFixed(1) : count(perSecond)} tokens/s`;
  }
}
