import { describe, expect, it, test } from "vitest";

import { linkSignals, linkWithLimit, onAbort, settle, sleep, unlessAborted, withTimeout } from "./async.ts";

const after = (ms: number): Promise<string> =>
  new Promise((resolve) => {
    setTimeout(() => resolve("answer"), ms);
  });
const tooLate = (): Error => new Error("it took longer than 20 ms");

describe("a linked signal", () => {
  it("is aborted with whichever parent comes first, and with its reason", () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const link = linkSignals(one.signal, undefined, other.signal);
    other.abort("the other");
    one.abort("the one");
    expect(link.signal.reason).toBe("the other");
    expect(linkSignals(AbortSignal.abort("before")).signal.reason).toBe("before");
  });

  it("leaves nothing on a parent that outlives it", () => {
    const parent = new AbortController();
    const link = linkSignals(parent.signal);
    link.release();
    parent.abort();
    expect(link.signal.aborted).toBe(false);
    link.abort("by itself");
    expect(link.signal.reason).toBe("by itself");
  });

  it("is aborted when its time is over, unless it was released", async () => {
    const [late, released] = [linkWithLimit(5, tooLate), linkWithLimit(5, tooLate)];
    released.release();
    await after(20);
    expect(late.signal.reason).toEqual(tooLate());
    expect(released.signal.aborted).toBe(false);
  });
});

test("a listener is told once: at once where the signal is aborted already, and never once it is off", () => {
  let told = 0;
  const controller = new AbortController();
  onAbort(controller.signal, () => told++);
  onAbort(controller.signal, () => (told += 100))();
  controller.abort();
  expect(told).toBe(1);
  onAbort(controller.signal, () => told++);
  expect(told).toBe(2);
});

test("work is waited for unless the signal is aborted first", async () => {
  const controller = new AbortController();
  expect(await unlessAborted(after(1), controller.signal)).toBe("answer");
  const waited = unlessAborted(after(10_000), controller.signal);
  const named = unlessAborted(Promise.reject(new Error("dropped")), AbortSignal.abort(), tooLate);
  await expect(named).rejects.toThrow("20 ms");
  controller.abort(new Error("told to"));
  await expect(waited).rejects.toThrow("told to");
  await expect(sleep(10_000, controller.signal)).rejects.toThrow("told to");
});

test("what does not settle is left after the limit", async () => {
  await settle(new Promise(() => {}), 5);
  await settle(Promise.reject(new Error("dropped")), 10_000);
});

describe("a time limit", () => {
  it("waits for an answer, and not for ever", async () => {
    expect(await withTimeout(after(5), 1000, tooLate)).toBe("answer");
    expect(await withTimeout(after(5), undefined, tooLate)).toBe("answer");
    await expect(withTimeout(after(500), 20, tooLate)).rejects.toThrow("20 ms");
  });

  it("does not end work that makes progress, and ends it once that stops", async () => {
    let passes = 0;
    const timer = setInterval(() => passes++, 5);
    const activity = (): number => passes;
    expect(await withTimeout(after(300), 60, tooLate, activity)).toBe("answer");
    const inVain = withTimeout(after(60_000), 60, tooLate, activity);
    clearInterval(timer);
    await expect(inVain).rejects.toThrow("20 ms");
  });

  it("does not hold against the work that this process stood still", async () => {
    const waited = withTimeout(after(60), 30, tooLate);
    // As a suspended process finds it: both timers are overdue, and the limit comes first.
    const untilMs = performance.now() + 1200;
    while (performance.now() < untilMs);
    expect(await waited).toBe("answer");
    const inVain = withTimeout(after(60_000), 30, tooLate);
    const laterMs = performance.now() + 1200;
    while (performance.now() < laterMs);
    await expect(inVain).rejects.toThrow("20 ms");
  });
});
