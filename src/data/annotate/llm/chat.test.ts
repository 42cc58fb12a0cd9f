import { describe, expect, it } from "vitest";

import type { Clock } from "../../../core/clock.ts";
import { createRng } from "../../../core/rng.ts";
import { Budget, type BudgetLimits } from "./budget.ts";
import { Chat } from "./chat.ts";
import type { ChatOutcome, ChatQuestion } from "./chat-client.ts";
import { Pacer } from "./pacer.ts";

const answered = (text = "ok"): ChatOutcome => ({
  status: "answered",
  text,
  finish: "stop",
  usage: { promptTokens: 100, completionTokens: 10 },
});
const unavailable = (retryAfter?: number): ChatOutcome => ({
  status: "unavailable",
  kind: retryAfter === undefined ? "server-error" : "rate-limit",
  reason: "later",
  retryAfterMs: retryAfter,
});

/** Time passes only by waiting. */
function setUp(
  outcomes: readonly ChatOutcome[],
  more: { limits?: BudgetLimits; perMinute?: number; tries?: number; format?: "schema" } = {},
) {
  let nowMs = 0;
  const clock: Clock = { nowMs: () => nowMs, isoNow: () => "" };
  const asked: { atMs: number; question: ChatQuestion }[] = [];
  const sleep = async (ms: number, signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    nowMs += ms;
  };
  const budget = new Budget({ promptUsd: 1, completionUsd: 10 }, more.limits ?? {});
  const chat = new Chat({
    client: {
      ask: async (question) => {
        asked.push({ atMs: nowMs, question });
        return outcomes[asked.length - 1] ?? answered();
      },
    },
    pacer: new Pacer(more.perMinute, clock, sleep),
    budget,
    rng: createRng(1),
    tries: more.tries ?? 6,
    format: more.format,
    sleep,
  });
  const stop = new AbortController();
  const ask = () =>
    chat.ask(
      {
        messages: (format) => [{ role: "user", content: `${format}: ${"x".repeat(200)}` }],
        temperature: 0,
        maxTokens: 50,
        idempotencyKey: "k",
      },
      { stop: stop.signal, signal: stop.signal, asking: () => {} },
    );
  return { ask, asked, budget, chat, stop };
}

describe("Chat", () => {
  it("waits longer from failure to failure, at most as often as it may try", async () => {
    const { ask, asked, chat } = setUp(
      Array.from({ length: 9 }, () => unavailable()),
      { tries: 5, format: "schema" },
    );
    expect(await ask()).toMatchObject({ status: "unavailable" });
    expect(asked).toHaveLength(5);
    const waits = asked.slice(1).map(({ atMs }, index) => atMs - (asked[index]?.atMs ?? 0));
    waits.forEach((wait, index) => {
      expect(wait).toBeGreaterThanOrEqual(500 * 2 ** index);
      expect(wait).toBeLessThanOrEqual(1000 * 2 ** index);
    });
    expect(chat.troubles).toEqual({ "server-error": 5 });
  });

  it("honours Retry-After, for every request", async () => {
    const { ask, asked } = setUp([unavailable(30_000), answered(), answered()], { format: "schema" });
    const other = ask();
    await ask();
    await other;
    expect(
      asked
        .map(({ atMs }) => atMs)
        .toSorted((left, right) => left - right)
        .at(-1),
    ).toBeGreaterThanOrEqual(30_000);
  });

  it("spaces requests by their number a minute", async () => {
    const { ask, asked } = setUp([], { perMinute: 30, format: "schema" });
    for (let index = 0; index < 4; index++) await ask();
    expect(asked.map(({ atMs }) => atMs)).toEqual([0, 2_000, 4_000, 6_000]);
  });

  it("finds out once whether the server takes a schema", async () => {
    const { ask, asked, chat } = setUp([{ status: "refused", code: 400, reason: "no json_schema" }]);
    await Promise.all([ask(), ask(), ask()]);
    expect(asked.map(({ question }) => question.format)).toEqual(["schema", "marks", "marks", "marks"]);
    expect(asked[1]?.question.messages[0]?.content).toMatch(/^marks/u);
    expect(chat.format).toBe("marks");
    const refused: ChatOutcome = { status: "refused", code: 400, reason: "too long" };
    const row = setUp([refused, refused]);
    expect(await row.ask()).toEqual(refused);
    expect(row.chat.format).toBeUndefined();
  });

  it("never goes over the budget, and says so when nothing more fits", async () => {
    // A question of 208 characters is counted with 104 tokens, and its answer with 50, until it is there: then with 100 and 10.
    const { ask, budget } = setUp([], { limits: { tokens: 400 }, format: "schema" });
    const outcomes = await Promise.all(Array.from({ length: 6 }, ask));
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual([
      ...Array<string>(3).fill("answered"),
      ...Array<string>(3).fill("out-of-budget"),
    ]);
    expect(budget.spent).toEqual({ promptTokens: 300, completionTokens: 30, costUsd: 0.0006 });
    const inDollars = setUp([], { limits: { usd: 0.0003 }, format: "schema" });
    expect((await inDollars.ask()).status).toBe("out-of-budget");
  });

  it("what failed costs nothing, what ran out of time costs its prompt", async () => {
    const timeout: ChatOutcome = {
      status: "unavailable",
      kind: "timeout",
      reason: "",
      retryAfterMs: undefined,
    };
    const { ask, budget } = setUp([unavailable(), timeout, answered()], { format: "schema" });
    await ask();
    expect(budget.spent.promptTokens).toBe(100 + Math.ceil(208 * 0.3));
    expect(budget.spent.completionTokens).toBe(10);
  });

  it("asks nothing more once it is told to stop", async () => {
    const { ask, asked, stop } = setUp([unavailable()], { format: "schema" });
    stop.abort(new Error("stop"));
    await expect(ask()).rejects.toThrow("stop");
    expect(asked).toHaveLength(0);
  });
});
