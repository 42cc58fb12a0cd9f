/** Shows a pair that learns: which stage it is in, and one line of progress. */
import { count, percent } from "../../core/figures.ts";
import type { LearnHooks } from "../../recipes/learn/index.ts";
import { Progress } from "../support/progress.ts";
import { RolloutLine } from "../support/rollout-line.ts";
import type { Terminal } from "../support/terminal.ts";
import { grpoFigures, scoresLine } from "./grpo-line.ts";
import { supervisedLine } from "./supervised-line.ts";

type DisplayHooks = Pick<
  LearnHooks,
  "onStage" | "onRollouts" | "supervised" | "reinforcement" | "calibration"
>;

export class LearnDisplay {
  readonly #line: Progress;
  readonly #rollouts: RolloutLine;

  constructor(terminal: Terminal) {
    this.#line = new Progress(terminal, "");
    this.#rollouts = new RolloutLine(terminal, this.#line);
  }

  get hooks(): DisplayHooks {
    return {
      onStage: (name, state) => this.#line.message(`${name} ${state === "done" ? "is done" : state}`),
      onRollouts: (progress) => this.#rollouts.update(progress),
      supervised: {
        onStart: ({ examples, tooLong, steps }) =>
          this.#line.message(
            `${count(examples)} examples${tooLong === 0 ? "" : `, ${count(tooLong)} too long`}, ${count(steps)} steps`,
          ),
        onStep: (metrics, steps) => this.#line.show(supervisedLine(metrics, steps)),
        onNotice: (text) => this.#line.message(text),
      },
      reinforcement: {
        onStep: (metrics, steps) => this.#line.show(grpoFigures(metrics, steps)),
        onEvaluation: (evaluation) =>
          this.#line.message(`step ${evaluation.step}, held out: ${scoresLine(evaluation)}`),
        onNotice: (text) => this.#line.message(text),
      },
      calibration: {
        onSample: ({ dial, done, total, left }) =>
          this.#line.show(
            `bias ${dial.bias.toFixed(2)}: ${count(done)} of ${count(total)} samples, about ${count(left)} settings after this one`,
          ),
        onPoint: ({ bias, reject, share, accuracy }) =>
          this.#line.message(
            `bias ${bias.toFixed(2)}, ${percent(reject)} refused: share ${percent(share)}, right ${percent(accuracy)}`,
          ),
      },
    };
  }

  end(): void {
    this.#line.end();
  }
}
