/** Waiting that ends when it is told to. */
import { setTimeout as wait } from "node:timers/promises";

export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

/** @throws the signal's reason when that aborts first. */
export const interruptible: Sleep = async (ms, signal) => {
  try {
    await wait(ms, undefined, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
};
