/** Time is injected, so that nothing under test depends on the machine's clock. */
export interface Clock {
  /** Milliseconds from some fixed start; never goes backwards. */
  nowMs(): number;
  /** ISO 8601, UTC. */
  isoNow(): string;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  isoNow: () => new Date().toISOString(),
};
