/**
 * Repeats rollouts that a model server's outage spoilt. Rollouts that survived an outage are those that did not ask, so they must be
 * neither trained on nor judged. If most rollouts failed, they are made again a few times. Then the run stops where it can be resumed.
 */
import { sleep } from "../../core/async.ts";
import { EngineError } from "../../core/errors.ts";

export interface Failures {
  readonly failed: number;
  readonly of: number;
  /** Reason of the first failure. */
  readonly reason: string | undefined;
}

export interface OutageOptions {
  /** Largest part that may fail. More failures are an outage. */
  readonly mostFailed: number;
  /** Waiting times before each repetition. */
  readonly retrySeconds: readonly number[];
  readonly signal?: AbortSignal | undefined;
  readonly onNotice?: ((text: string) => void) | undefined;
}

/**
 * Calls `make` until few enough rollouts fail.
 * @param what Name of the rollouts for people: `the rollouts of step 3`.
 * @param make Called again for each attempt, with new engines.
 * @throws EngineError `engine-unavailable` after the last attempt. Rejects with the signal's reason when it is aborted.
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
        `${found}. Given up${tries}: nothing was trained on them. See that both models answer, then run the same command to continue.`,
        { code: "engine-unavailable", retryable: true },
      );
    }
    onNotice?.(`${found}. They are made again in ${seconds} s.`);
    await sleep(seconds * 1000, signal);
  }
}
