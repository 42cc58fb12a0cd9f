/**
 * Abort signals that follow others, and waiting with a limit. Everything here lets go of its signals when it is done.
 *
 * Not `AbortSignal.any`: on Node 20 a long-lived signal keeps an entry for every signal made from it, for as long as it lives. An engine's
 * closing signal would gather one a call.
 */

import { setMaxListeners } from "node:events";

/** A signal of its own, which is also aborted with any of its parents. {@link LinkedSignal.release} unlinks it from them. */
export interface LinkedSignal {
  readonly signal: AbortSignal;
  readonly abort: (reason?: unknown) => void;
  /** Ends the link, and the time limit where there is one. The signal stays as it is. */
  readonly release: () => void;
}

/** Links a new signal to its parents. A parent that is aborted already aborts it at once. */
export function linkSignals(...parents: readonly (AbortSignal | undefined)[]): LinkedSignal {
  const controller = new AbortController();
  const abort = (reason?: unknown): void => controller.abort(reason);
  const releases = parents.map((parent) => onAbort(parent, () => abort(parent?.reason)));
  return { signal: controller.signal, abort, release: () => releases.forEach((release) => release()) };
}

/** Does the same, and aborts the signal after `limitMs` with the error that `timeoutError` makes. */
export function linkWithLimit(
  limitMs: number,
  timeoutError: () => Error,
  ...parents: readonly (AbortSignal | undefined)[]
): LinkedSignal {
  const link = linkSignals(...parents);
  const timer = setTimeout(() => link.abort(timeoutError()), limitMs);
  return {
    ...link,
    release: () => {
      clearTimeout(timer);
      link.release();
    },
  };
}

/**
 * Calls `action` on every item, in order, at most `concurrency` at a time. The next item is taken when there is room for it. The first
 * rejection aborts the others, which are waited for, and is what this rejects with.
 */
export async function forEachConcurrent<T>(
  items: Iterable<T>,
  concurrency: number,
  signal: AbortSignal,
  action: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const link = linkSignals(signal);
  // One listener for each item in work is no leak.
  setMaxListeners(0, link.signal);
  const queue = items[Symbol.iterator]();
  const work = async (): Promise<void> => {
    for (let next = queue.next(); next.done !== true; next = queue.next()) {
      link.signal.throwIfAborted();
      try {
        await action(next.value, link.signal);
      } catch (error) {
        link.abort(error);
        throw error;
      }
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: concurrency }, work));
  link.release();
  signal.throwIfAborted();
  const failed = ended.find((result) => result.status === "rejected");
  if (failed !== undefined) throw link.signal.reason;
}

/** Calls `listener` when the signal is aborted, once; at once where it is already. Returns what takes the listener off again. */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal?.aborted === true) listener();
  if (signal === undefined || signal.aborted) return () => {};
  signal.addEventListener("abort", listener, { once: true });
  return () => signal.removeEventListener("abort", listener);
}

/**
 * The result of `work`, unless the signal is aborted first. The work itself is not stopped; nobody waits for it, and its failure is dropped.
 * @throws the error that `abortError` makes. Default: the signal's reason.
 */
export async function unlessAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  abortError: (signal: AbortSignal) => unknown = ({ reason }) => reason,
): Promise<T> {
  if (signal === undefined) return await work;
  let release = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    release = onAbort(signal, () => reject(abortError(signal)));
  });
  try {
    return await Promise.race([aborted, work]);
  } finally {
    release();
  }
}

/** Waits for `ms` milliseconds. @throws the signal's reason when that is aborted first. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    await unlessAborted(over, signal);
  } finally {
    clearTimeout(timer);
  }
}

/** A timer this late means that this process did not run: it was suspended (Ctrl-Z), or something kept the event loop busy. */
const LATE_MS = 1000;
/** How long the work is waited for then, once: a model in this process continues where it was. */
const GRACE_MS = 10_000;
/** How often silence is measured within the limit: it may last longer than the limit by that part of it. */
const LOOKS = 8;

/**
 * The result of `work`, unless nothing happens for `limitMs`. The work itself is not stopped: the caller aborts it. Where this process did
 * not run in the meantime there is a short grace, since the answer may be waiting in the queue after the timer.
 * @param activity A number that changes while the work makes progress. Default: none is known, and the limit holds from the start.
 * @throws the error that `timeoutError` makes.
 */
export async function withTimeout<T>(
  work: Promise<T>,
  limitMs: number | undefined,
  timeoutError: () => Error,
  activity: () => number = () => 0,
): Promise<T> {
  if (limitMs === undefined) return work;
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    let graceLeft = true;
    let seen = activity();
    let seenMs = performance.now();
    const wait = (ms: number): void => {
      const dueMs = performance.now() + ms;
      timer = setTimeout(() => look(dueMs), ms);
    };
    const look = (dueMs: number): void => {
      const nowMs = performance.now();
      const now = activity();
      if (now !== seen) [seen, seenMs] = [now, nowMs];
      const leftMs = limitMs - (nowMs - seenMs);
      if (leftMs > 0) return wait(Math.min(leftMs, Math.ceil(limitMs / LOOKS)));
      if (!graceLeft || nowMs - dueMs < LATE_MS) return reject(timeoutError());
      graceLeft = false;
      wait(Math.min(limitMs, GRACE_MS));
    };
    wait(limitMs);
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
