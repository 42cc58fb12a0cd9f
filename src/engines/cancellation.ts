/** The errors of engines for calls that were aborted, came after the close, or were wrong. */
import { EngineError } from "../core/errors.ts";
import type { ModelId } from "../core/ids.ts";

export function abortedError(model: ModelId, signal: AbortSignal): EngineError {
  return new EngineError(`${model}: the call was aborted.`, { code: "aborted", cause: signal.reason });
}

export function closedError(model: ModelId, what: "engine" | "sequence"): EngineError {
  return new EngineError(`${model}: the ${what} is closed.`, { code: "engine-closed" });
}

export function usageError(model: ModelId, what: string): EngineError {
  return new EngineError(`${model}: ${what}`, { code: "usage" });
}

/** Throws an {@link EngineError} with code `aborted` if the signal is aborted. */
export function throwIfAborted(model: ModelId, signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortedError(model, signal);
}

/** The error of a fork that finds no free slot. It does not wait: the slot it would wait for may be its parent's. */
export function noSlotError(model: ModelId): EngineError {
  return new EngineError(`${model}: all its sequences are in use; there is none to fork into.`, {
    code: "engine-unavailable",
    retryable: true,
  });
}
