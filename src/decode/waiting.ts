/** Waiting with a limit, and signals that follow another. */
import { EngineError } from "../core/errors.ts";

/** A controller that is aborted with any of its parents; `release` ends the link, so that a long-lived parent keeps nothing. */
export interface LinkedController {
  readonly controller: AbortController;
  readonly release: () => void;
}

export function linkController(...parents: readonly (AbortSignal | undefined)[]): LinkedController {
  const controller = new AbortController();
  const releases: (() => void)[] = [];
  for (const parent of parents) {
    if (parent === undefined) continue;
    const follow = (): void => controller.abort(parent.reason);
    if (parent.aborted) follow();
    else {
      parent.addEventListener("abort", follow, { once: true });
      releases.push(() => parent.removeEventListener("abort", follow));
    }
  }
  return { controller, release: () => releases.forEach((release) => release()) };
}

/** A timer this late means that this process did not run: it was suspended (Ctrl-Z), or something kept the event loop busy. */
const LATE_MS = 1000;
/** What is waited for then, once: a model in this process goes on where it was. */
const GRACE_MS = 10_000;

/**
 * The result of `work`, or a retryable {@link EngineError} (`engine-unavailable`) when it takes longer than `timeoutMs`. The work is
 * not stopped by that: the caller aborts it. Where this process did not run in the meantime there is a short grace, since the answer may be
 * behind the timer in the queue.
 */
export async function withTimeout<T>(
  work: Promise<T>,
  timeoutMs: number | undefined,
  what: string,
): Promise<T> {
  if (timeoutMs === undefined) return work;
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    const dueMs = performance.now() + timeoutMs;
    const giveUp = (): void =>
      reject(
        new EngineError(`${what} took longer than ${timeoutMs} ms; raise bigTimeoutMs or look at its load.`, {
          code: "engine-unavailable",
          retryable: true,
        }),
      );
    timer = setTimeout(() => {
      if (performance.now() - dueMs < LATE_MS) giveUp();
      else timer = setTimeout(giveUp, Math.min(timeoutMs, GRACE_MS));
    }, timeoutMs);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until `work` has settled either way, at most `limitMs`: an engine that ignores its signal cannot hold a request. */
export async function settle(work: Promise<unknown>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  try {
    await Promise.race([Promise.allSettled([work]), limit]);
  } finally {
    clearTimeout(timer);
  }
}
