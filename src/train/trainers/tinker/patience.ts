/** Repeats requests that may succeed later, with pauses that grow and vary, as long as patience lasts. It tells people meanwhile. */
import { linkSignals, sleep } from "../../../core/async.ts";
import type { Clock } from "../../../core/clock.ts";
import { TrainError } from "../../../core/errors.ts";
import type { Rng } from "../../../core/rng.ts";
import { Outage, type TellNews } from "./outage.ts";

export type Attempt<Result> =
  | { readonly type: "answer"; readonly answer: Result }
  | {
      readonly type: "again";
      readonly reason: string;
      /** Pause that the server asked for. */
      readonly afterMs?: number;
      /** Most failures of this kind. A fault may repeat forever, whereas an absence ends. */
      readonly most?: number;
      /** Error to throw after so many failures, instead of "cannot be used". */
      readonly error?: unknown;
    };

export interface PatienceOptions {
  /** Name of the server in messages. */
  readonly name: string;
  readonly patienceMs: number;
  readonly rng: Rng;
  readonly clock: Clock;
  readonly onNews: TellNews | undefined;
  /** Ends the waiting. */
  readonly signals: readonly AbortSignal[];
  readonly firstPauseMs: number;
}

const GROWTH = 40;

export class Patience {
  readonly #options: PatienceOptions;
  readonly #outage: Outage;

  constructor(options: PatienceOptions) {
    this.#options = options;
    this.#outage = this.outage();
  }

  /** An outage of its own, for waits during which the server does answer. */
  outage(): Outage {
    const { clock, patienceMs, onNews } = this.#options;
    return new Outage(clock, patienceMs, onNews);
  }

  /** @throws TrainError when patience ends or a signal ends it; whatever `attempt` throws. */
  async repeat<Result>(
    path: string,
    attempt: (count: number) => Promise<Attempt<Result>>,
    outage: Outage = this.#outage,
  ): Promise<Result> {
    const { patienceMs, rng, clock, firstPauseMs } = this.#options;
    let sinceMs: number | undefined;
    let failures = 0;
    for (let count = 0; ; count++) {
      const outcome = await attempt(count);
      if (outcome.type === "answer") {
        outage.answered();
        return outcome.answer;
      }
      const nowMs = clock.nowMs();
      sinceMs ??= nowMs;
      if (outcome.most !== undefined && ++failures >= outcome.most)
        throw outcome.error ?? this.#givenUp(path, `${failures} times: ${outcome.reason}`);
      const longest = firstPauseMs * Math.min(GROWTH, 2 ** count);
      const waitMs = Math.max(outcome.afterMs ?? 0, longest * (0.5 + 0.5 * rng.next()));
      if (nowMs - sinceMs + waitMs > patienceMs)
        throw this.#givenUp(path, `for ${Math.round(patienceMs / 1000)} s: ${outcome.reason}`);
      outage.failed(outcome.reason);
      await this.#pause(waitMs);
    }
  }

  async #pause(waitMs: number): Promise<void> {
    const link = linkSignals(...this.#options.signals);
    try {
      await sleep(waitMs, link.signal);
    } catch {
      throw new TrainError(
        `stopped while the trainer server at ${this.#options.name} was away; the same command continues from the last checkpoint.`,
        { code: "aborted", cause: link.signal.reason },
      );
    } finally {
      link.release();
    }
  }

  #givenUp(path: string, what: string): TrainError {
    return new TrainError(
      `the trainer server at ${this.#options.name} cannot be used (${path}), ${what}. Start it again, then run the same command to continue from the last checkpoint; ` +
        `patience=SECONDS in --trainer waits longer.`,
      { code: "trainer-unavailable", retryable: true },
    );
  }
}
