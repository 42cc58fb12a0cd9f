/** How engines say that they were told to stop, closed, or called wrongly. */
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

/** Throws an {@link EngineError} with code `aborted` when the signal is. */
export function throwIfAborted(model: ModelId, signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortedError(model, signal);
}

/** A fork does not wait for a slot: the one that it would wait for may be its own parent's. */
export function noSlotError(model: ModelId): EngineError {
  return new EngineError(`${model}: all its sequences are in use; there is none to fork into.`, {
    code: "engine-unavailable",
    retryable: true,
  });
}
