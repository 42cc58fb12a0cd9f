/** Delays and failures to inject into a scripted engine: a hook that runs before each call into the model. */
import { sleep, unlessAborted } from "../../core/async.ts";
import { EngineError, type ErrorCode } from "../../core/errors.ts";

export interface ScriptedCall {
  readonly kind: "read" | "draw" | "score";
  /** Sequences are numbered from 0 in the order in which they were opened or forked. */
  readonly sequence: number;
  /** Length of the context that the call reads or draws after. */
  readonly position: number;
  /** Tokens that the call reads (a draw: the one that it draws). */
  readonly tokens: number;
  /** Draws made by the engine before this call. */
  readonly drawn: number;
  /** Aborted when the caller gives up or the sequence closes. */
  readonly signal: AbortSignal;
}

/** May wait, or throw: the call then fails. */
export type ScriptedHook = (call: ScriptedCall) => void | Promise<void>;

/** Every call takes `milliseconds`, or ends early when aborted. */
export function slow(milliseconds: number): ScriptedHook {
  return async ({ signal }) => {
    await unlessAborted(sleep(milliseconds, signal), signal, abortReason);
  };
}

/** After `draws` tokens every further draw fails. */
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

/** After `draws` tokens the next draw never ends, unless it is aborted. */
export function hangAfter(draws: number): ScriptedHook {
  return ({ kind, drawn, signal }) => {
    if (kind !== "draw" || drawn < draws) return undefined;
    return unlessAborted(new Promise<never>(() => {}), signal, abortReason);
  };
}

/** Several hooks, one after the other. */
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
