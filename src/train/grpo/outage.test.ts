import { describe, expect, it } from "vitest";

import { type Failures, withoutOutage } from "./outage.ts";

const failures = (failed: number): Failures => ({
  failed,
  of: 10,
  reason: failed === 0 ? undefined : "away",
});

/** Fails so often in its first, second, ... attempt. */
async function attempts(failed: readonly number[], retrySeconds: readonly number[], signal?: AbortSignal) {
  const notices: string[] = [];
  let attempt = 0;
  const made = await withoutOutage(
    "the rollouts of step 3",
    () => Promise.resolve(attempt++),
    (number) => failures(failed[number] ?? 0),
    { mostFailed: 0.5, retrySeconds, signal, onNotice: (text) => notices.push(text) },
  );
  return { made, notices };
}

describe("withoutOutage", () => {
  it("takes what failed in a small part", async () => {
    expect(await attempts([5], [])).toEqual({ made: 0, notices: [] });
  });

  it("makes what failed for the most part again, and says so", async () => {
    const { made, notices } = await attempts([6, 10, 0], [0, 0.01, 5]);
    expect(made).toBe(2);
    expect(notices).toEqual([
      "6 of 10 of the rollouts of step 3 failed; the first: away. They are made again in 0 s.",
      "10 of 10 of the rollouts of step 3 failed; the first: away. They are made again in 0.01 s.",
    ]);
  });

  it("gives up with the reason and what to do", async () => {
    await expect(attempts([10, 10, 10], [0, 0])).rejects.toMatchObject({
      code: "engine-unavailable",
      retryable: true,
      message: expect.stringMatching(/the first: away\. Given up after 3 attempts.*run the same command/),
    });
  });

  it("waits no longer than the signal lets it", async () => {
    await expect(attempts([10], [600], AbortSignal.timeout(20))).rejects.toMatchObject({
      name: "TimeoutError",
    });
  });
});
