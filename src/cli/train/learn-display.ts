/** Shows a pair that learns: which stage it is in, and one line of progress. */
import { count, duration, percent } from "../../core/figures.ts";
import type { LearnHooks } from "../../recipes/learn/index.ts";
import { Progress } from "../support/progress.ts";
import type { Terminal } from "../support/terminal.ts";
import { grpoFigures, scoresLine } from "./grpo-line.ts";

const SHOWN_EVERY_MS = 100;

type DisplayHooks = Pick<
  LearnHooks,
  "onStage" | "onRollouts" | "supervised" | "reinforcement" | "calibration"
>;

export class LearnDisplay {
  readonly #terminal: Terminal;
  readonly #line: Progress;
  #shownMs = -Infinity;
  #startMs: number | undefined;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    this.#line = new Progress(terminal, "");
  }

  get hooks(): DisplayHooks {
    return {
      onStage: (name, state) => this.#message(`${name} ${state === "done" ? "is done" : state}`),
      onRollouts: ({ done, before, wanted, right, tokens, bigTokens }) => {
        const nowMs = this.#terminal.clock.nowMs();
        this.#startMs ??= nowMs;
        // Called for every token: most calls end here.
        if (tokens === 0 || nowMs - this.#shownMs < SHOWN_EVERY_MS) return;
        this.#shownMs = nowMs;
        const elapsedMs = Math.max(1, nowMs - this.#startMs);
        const left =
          done > before ? `, ${duration((elapsedMs * (wanted - done)) / (done - before))} left` : "";
        const figures = `${count((1000 * tokens) / elapsedMs)} tokens/s, ${percent(bigTokens / tokens)} by the big model`;
        const rights = done > 0 ? `, ${percent(right / done)} right` : "";
        this.#line.show(`${count(done)} of ${count(wanted)} samples${left}; ${figures}${rights}`);
      },
      supervised: {
        onStart: ({ examples, tooLong, steps }) =>
          this.#message(
            `${count(examples)} examples${tooLong === 0 ? "" : `, ${count(tooLong)} too long`}, ${count(steps)} steps`,
          ),
        onStep: ({ step, loss, tokensPerSecond, secondsLeft }, steps) =>
          this.#line.show(
            `${count(step)} of ${count(steps)} steps, ${duration(1000 * secondsLeft)} left; loss ${loss.toFixed(4)}, ${count(tokensPerSecond)} tokens/s`,
          ),
        onNotice: (text) => this.#message(text),
      },
      reinforcement: {
        onStep: (metrics, steps) => this.#line.show(grpoFigures(metrics, steps)),
        onEvaluation: (evaluation) =>
          this.#message(`step ${evaluation.step}, held out: ${scoresLine(evaluation)}`),
        onNotice: (text) => this.#message(text),
      },
      calibration: {
        onSample: ({ dial, done, total, left }) =>
          this.#line.show(
            `bias ${dial.bias.toFixed(2)}: ${count(done)} of ${count(total)} samples, about ${count(left)} settings after this one`,
          ),
        onPoint: ({ bias, reject, share, accuracy }) =>
          this.#message(
            `bias ${bias.toFixed(2)}, ${percent(reject)} refused: share ${percent(share)}, right ${percent(accuracy)}`,
          ),
      },
    };
  }

  end(): void {
    this.#line.end();
  }

  #message(text: string): void {
    this.#line.end();
    this.#terminal.log(`${text}\n`);
  }
}
