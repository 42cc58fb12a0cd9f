/** The smallest proof that an engine works: open a sequence, read a few words, write one token. */
import { linkWithLimit, unlessAborted } from "../../core/async.ts";
import { EngineError } from "../../core/errors.ts";
import { textPiece } from "../../core/piece.ts";
import type { Engine } from "../../engines/engine.ts";

/** The prompt of the trial. A scripted engine needs an answer to it in order to recover. */
export const TRIAL_PROMPT = "1 + 1 =";

/** @throws the engine's error, or EngineError when it ends without an event. */
export async function tryOneToken(engine: Engine, signal: AbortSignal): Promise<void> {
  await using sequence = await engine.open(undefined, signal);
  await sequence.append([textPiece(TRIAL_PROMPT)], signal);
  const options = { maxTokens: 1, sampling: { temperature: 0, seed: 0 } };
  for await (const _ of sequence.generate(options, signal)) return;
  throw new EngineError(`${engine.model}: it wrote nothing when it was tried.`, { code: "engine-failed" });
}

/**
 * The result of `work`, or a retryable EngineError `engine-unavailable` after `limitMs`. The signal that `work` gets is aborted at
 * the limit, or with `parent`. An engine that ignores it is not waited for.
 */
export async function withinLimit<T>(
  work: (signal: AbortSignal) => Promise<T>,
  limitMs: number,
  parent: AbortSignal,
  what: string,
): Promise<T> {
  const timeoutError = (): EngineError =>
    new EngineError(`${what} took longer than ${limitMs} ms.`, {
      code: "engine-unavailable",
      retryable: true,
    });
  const link = linkWithLimit(limitMs, timeoutError, parent);
  try {
    return await unlessAborted(work(link.signal), link.signal);
  } finally {
    link.release();
  }
}
