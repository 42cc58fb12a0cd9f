/** The line of progress while a pair makes rollouts, with the speed from the first token on. */
import { count, duration, percent } from "../../core/figures.ts";
import type { RolloutProgress } from "../../recipes/rollouts/index.ts";
import type { Progress } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

const SHOWN_EVERY_MS = 100;

export class RolloutLine {
  readonly #clock: Terminal["clock"];
  readonly #line: Progress;
  #startMs: number | undefined;
  #shownMs = -Infinity;

  constructor({ clock }: Terminal, line: Progress) {
    this.#clock = clock;
    this.#line = line;
  }

  update({ done, before, wanted, right, failed, tokens, bigTokens }: RolloutProgress): void {
    const nowMs = this.#clock.nowMs();
    this.#startMs ??= nowMs;
    // Called for every token: most calls end here.
    if (tokens === 0 || nowMs - this.#shownMs < SHOWN_EVERY_MS) return;
    this.#shownMs = nowMs;
    const elapsedMs = Math.max(1, nowMs - this.#startMs);
    const left = done > before ? [`${duration((elapsedMs * (wanted - done)) / (done - before))} left`] : [];
    const notes = [
      `${count((1000 * tokens) / elapsedMs)} tokens/s`,
      `${percent(bigTokens / tokens)} by the big model`,
      ...(done > 0 ? [`${percent(right / done)} right`] : []),
      ...(failed > 0 ? [`${count(failed)} failed`] : []),
    ];
    this.#line.show([`${count(done)} of ${count(wanted)} samples`, ...left, ...notes].join(", "));
  }
}
