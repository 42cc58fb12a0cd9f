import { expect, it } from "vitest";

import { withTimeout } from "./waiting.ts";

const after = (ms: number): Promise<string> =>
  new Promise((resolve) => {
    setTimeout(() => resolve("answer"), ms);
  });

it("waits for an answer, and not for ever", async () => {
  expect(await withTimeout(after(5), 1000, "it")).toBe("answer");
  expect(await withTimeout(after(5), undefined, "it")).toBe("answer");
  await expect(withTimeout(after(500), 20, "big: the next token")).rejects.toMatchObject({
    code: "engine-unavailable",
    retryable: true,
    message: expect.stringContaining("big: the next token took longer than 20 ms"),
  });
});

it("does not hold against the work that this process stood still", async () => {
  const waited = withTimeout(after(60), 30, "it");
  // As a suspended process finds it: both timers are overdue, and the limit comes first.
  const untilMs = performance.now() + 1200;
  while (performance.now() < untilMs);
  expect(await waited).toBe("answer");
  const inVain = withTimeout(after(60_000), 30, "it");
  const laterMs = performance.now() + 1200;
  while (performance.now() < laterMs);
  await expect(inVain).rejects.toMatchObject({ code: "engine-unavailable" });
});
