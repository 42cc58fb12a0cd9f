import { describe, expect, it } from "vitest";

import { Tally } from "./tally.ts";

describe("Tally", () => {
  it("counts tokens by author, spans, switches and the wait for the big model", () => {
    const tally = new Tally(1000);
    const write = (author: "small" | "big", nowMs: number): void => {
      tally.text(author, nowMs);
      tally.tokens(author, 2);
    };
    write("small", 1100);
    write("small", 1200);
    write("big", 1250);
    write("big", 1260);
    write("small", 1300);
    write("big", 1450);
    const counters = tally.snapshot(1500);
    expect(counters.smallTokens).toBe(6);
    expect(counters.bigTokens).toBe(6);
    expect(counters.share).toBe(0.5);
    expect(counters.switches).toBe(2);
    expect(counters.handoffMs).toEqual({ mean: 100, max: 150 });
    expect(counters.firstTokenMs).toBe(100);
    expect(counters.totalMs).toBe(500);
    expect(counters.final).toBe(false);
    expect(counters.spans).toEqual([
      { author: "small", tokens: 4 },
      { author: "big", tokens: 4 },
      { author: "small", tokens: 2 },
      { author: "big", tokens: 2 },
    ]);
  });

  it("gives way to the gateway's numbers at the end", () => {
    const tally = new Tally(0);
    tally.text("big", 10);
    tally.tokens("big", 1);
    tally.usage({
      prompt_tokens: 5,
      completion_tokens: 30,
      completion_tokens_details: { small_tokens: 20, big_tokens: 10, discarded_tokens: 4, switches: 3 },
    });
    tally.finish({
      offload_share: 0.3333,
      switches: 3,
      handoff_ms: null,
      first_token_ms: 7,
      total_ms: 99,
      seed: 5,
    });
    expect(tally.snapshot(500)).toMatchObject({
      smallTokens: 20,
      bigTokens: 10,
      share: 0.3333,
      switches: 3,
      discardedTokens: 4,
      handoffMs: undefined,
      firstTokenMs: 7,
      totalMs: 99,
      seed: 5,
      final: true,
    });
  });

  it("says nothing of what did not happen", () => {
    const { share, handoffMs, firstTokenMs, spans } = new Tally(0).snapshot(100);
    expect({ share, handoffMs, firstTokenMs, spans }).toEqual({ spans: [] });
  });
});
