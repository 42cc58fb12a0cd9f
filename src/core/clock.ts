/** Time is injected, so that nothing under test depends on the machine's clock. */
export interface Clock {
  /** Milliseconds since a fixed start. It never decreases. */
  nowMs(): number;
  /** The current time in ISO 8601, UTC. */
  isoNow(): string;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  isoNow: () => new Date().toISOString(),
};
