/** Shows a running recipe: messages, and one line of progress. */
import { count, duration } from "../../core/figures.ts";
import type { LearnHooks } from "../../recipes/micro/index.ts";
import type { GrpoEvaluation } from "../../train/grpo/loop.ts";
import type { StepMetrics } from "../../train/supervised/loop.ts";
import { grpoFigures, scoresLine } from "../train/grpo-line.ts";
import { Progress } from "../support/progress.ts";
import type { Terminal } from "../support/terminal.ts";

export class RecipeDisplay {
  readonly #terminal: Terminal;
  readonly #latest = new Map<string, StepMetrics>();
  readonly #training: Progress;
  #annotation: Progress | undefined;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    this.#training = new Progress(terminal, "");
  }

  get hooks(): LearnHooks {
    return {
      onMessage: (message) => this.message(message),
      onStep: (model, metrics) => this.#step(model, metrics),
      onAnnotated: (done, total) => this.#annotated(done, total),
      onGrpoStep: (metrics, steps) => this.#training.show(grpoFigures(metrics, steps)),
      onGrpoEvaluation: (evaluation) => this.#evaluation(evaluation),
    };
  }

  message(text: string): void {
    this.end();
    // Models that have finished leave the line.
    this.#latest.clear();
    this.#terminal.log(`${text}\n`);
  }

  #evaluation(evaluation: GrpoEvaluation): void {
    this.message(`step ${evaluation.step}, held out: ${scoresLine(evaluation)}`);
  }

  #step(model: string, metrics: StepMetrics): void {
    this.#latest.set(model, metrics);
    this.#training.show(
      [...this.#latest]
        .map(
          ([name, { step, loss, tokensPerSecond, secondsLeft }]) =>
            `${name} step ${count(step)}, loss ${loss.toFixed(3)}, ${count(tokensPerSecond)} tokens/s, ${duration(secondsLeft * 1000)} left`,
        )
        .join("; "),
    );
  }

  #annotated(done: number, total: number): void {
    if (this.#annotation === undefined) {
      this.#annotation = new Progress(this.#terminal, "traces");
      this.#annotation.start(done);
    }
    this.#annotation.update(done, total);
  }

  end(): void {
    this.#training.end();
    this.#annotation?.end();
  }
}
