/** Delays and failures to inject into a scripted engine: a hook that runs before each call into the model. */
import { sleep, unlessAborted } from "../../core/async.ts";
import { EngineError, type ErrorCode } from "../../core/errors.ts";

export interface ScriptedCall {
  readonly kind: "read" | "draw" | "score";
  /** Number of the sequence, from 0, in the order of opening and forking. */
  readonly sequence: number;
  /** Length of the context before the call. */
  readonly position: number;
  /** Number of tokens that the call reads. A draw counts the token that it draws. */
  readonly tokens: number;
  /** Number of draws of the engine before this call. */
  readonly drawn: number;
  /** A signal that aborts when the caller gives up or the sequence closes. */
  readonly signal: AbortSignal;
}

/** Runs before a call into the model. It may wait. If it throws, the call fails. */
export type ScriptedHook = (call: ScriptedCall) => void | Promise<void>;

/** Makes every call take `milliseconds`, unless it is aborted earlier. */
export function slow(milliseconds: number): ScriptedHook {
  return async ({ signal }) => {
    await unlessAborted(sleep(milliseconds, signal), signal, abortReason);
  };
}

/** Makes every draw after the first `draws` fail. */
export function failAfter(
  draws: number,
  options: { readonly code?: ErrorCode; readonly retryable?: boolean } = {},
): ScriptedHook {
  return ({ kind, drawn }) => {
    if (kind !== "draw" || drawn < draws) return;
    throw new EngineError(`the scripted engine fails after ${draws} tokens, as it was told.`, {
      code: options.code ?? "engine-failed",
      retryable: options.retryable ?? false,
    });
  };
}

/** Makes the draw after the first `draws` hang until it is aborted. */
export function hangAfter(draws: number): ScriptedHook {
  return ({ kind, drawn, signal }) => {
    if (kind !== "draw" || drawn < draws) return undefined;
    return unlessAborted(new Promise<never>(() => {}), signal, abortReason);
  };
}

/** Runs several hooks, one after the other. */
export function inOrder(...hooks: readonly ScriptedHook[]): ScriptedHook {
  return async (call) => {
    for (const hook of hooks) await hook(call);
  };
}

function abortReason(signal: AbortSignal): EngineError {
  if (signal.reason instanceof EngineError) return signal.reason;
  return new EngineError("the call into the scripted engine was aborted.", {
    code: "aborted",
    cause: signal.reason,
  });
}
