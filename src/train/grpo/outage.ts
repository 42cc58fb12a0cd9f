/**
 * A model server that is away for a minute must not cost a night, and what is left of rollouts that lost it must not be trained on or judged by: it
 * is those that did not ask. What failed for the most part is made again a few times, and then the run stops where it can go on.
 */
import { sleep } from "../../core/async.ts";
import { EngineError } from "../../core/errors.ts";

export interface Failures {
  readonly failed: number;
  readonly of: number;
  /** Why the first of them failed. */
  readonly reason: string | undefined;
}

export interface OutageOptions {
  /** Failures of a larger part are an outage. */
  readonly mostFailed: number;
  /** Seconds before each repetition. */
  readonly retrySeconds: readonly number[];
  readonly signal?: AbortSignal | undefined;
  readonly onNotice?: ((text: string) => void) | undefined;
}

/**
 * @param what For people: `the rollouts of step 3`.
 * @param make Made anew each time, with engines of its own.
 * @throws EngineError `engine-unavailable` when it failed every time. Rejects with the signal's reason when it is aborted.
 */
export async function withoutOutage<Made>(
  what: string,
  make: () => Promise<Made>,
  failuresOf: (made: Made) => Failures,
  { mostFailed, retrySeconds, signal, onNotice }: OutageOptions,
): Promise<Made> {
  for (let attempt = 0; ; attempt++) {
    const made = await make();
    const { failed, of, reason = "no reason was given" } = failuresOf(made);
    if (failed <= mostFailed * of) return made;
    const seconds = retrySeconds[attempt];
    const found = `${failed} of ${of} of ${what} failed; the first: ${reason}`;
    if (seconds === undefined) {
      const tries = attempt === 0 ? "" : ` after ${attempt + 1} attempts`;
      throw new EngineError(
        `${found}. Given up${tries}: nothing was trained on them. See that both models answer, then run the same command to go on.`,
        { code: "engine-unavailable", retryable: true },
      );
    }
    onNotice?.(`${found}. They are made again in ${seconds} s.`);
    await sleep(seconds * 1000, signal);
  }
}
