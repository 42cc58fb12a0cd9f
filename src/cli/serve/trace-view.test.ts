import { describe, expect, it } from "vitest";

import type { Author, SplitEvent, Usage } from "../../decode/events/events.ts";
import { paintWith } from "../support/terminal.ts";
import { figures, TraceView } from "./trace-view.ts";

const usage: Usage = {
  promptTokens: 40,
  smallTokens: 201,
  bigTokens: 13,
  tagTokens: 4,
  discardedTokens: 4,
  switches: 2,
  offloadShare: 13 / 214,
  work: {
    small: { prefilled: 0, scored: 0, decoded: 0, calls: 0, discarded: 0 },
    big: { prefilled: 0, scored: 0, decoded: 0, calls: 0, discarded: 0 },
  },
};
const timing = { totalMs: 1234, firstTokenMs: 12, handoffsMs: [3, 3.4] };

const segment = (author: Author, ...texts: string[]): SplitEvent[] => [
  { type: "segment-start", author, reason: "scheduled" },
  ...texts.map((text) => ({ type: "segment-delta" as const, author, text, tokens: [{ text }] })),
  { type: "segment-end", author, reason: "scheduled" },
];
const finish: SplitEvent = { type: "finish", reason: "end-of-turn", usage, timing };

function shown(events: readonly SplitEvent[], colors = false): string {
  let text = "";
  const view = new TraceView((part) => (text += part), paintWith(colors));
  for (const event of events) view.push(event);
  return text;
}

describe("TraceView without colours", () => {
  it("puts marks around what the big model wrote, once for neighbouring segments", () => {
    const events = [
      ...segment("small", "32 times 63", " is"),
      ...segment("big", " 20"),
      ...segment("big", "16"),
      ...segment("small", ".\n"),
      finish,
    ];
    expect(shown(events)).toBe("32 times 63 is« 2016».\n\n");
  });

  it("closes a mark that is open at the end, and shows no mark for an empty segment", () => {
    expect(shown([...segment("big", "all"), finish])).toBe("«all»\n\n");
    expect(shown([...segment("small", "a"), ...segment("big"), ...segment("small", "b"), finish])).toBe(
      "ab\n\n",
    );
  });

  it("says where the big model was lost", () => {
    const events: SplitEvent[] = [
      ...segment("big", "x"),
      { type: "degraded", message: "it timed out" },
      ...segment("small", "y"),
      finish,
    ];
    expect(shown(events)).toBe("«x» [the big model is out: it timed out] y\n\n");
  });

  it("never lets a model's control characters through", () => {
    const text = shown([...segment("small", "a\u001b[31m"), ...segment("big", "b\u001b]0;t\u0007"), finish]);
    expect(text).toBe("a\\x1b[31m«b\\x1b]0;t\\x07»\n\n");
  });
});

describe("TraceView with colours", () => {
  it("colours the big model's words, leaves the small one's plain and uses no marks", () => {
    expect(shown([...segment("small", "a"), ...segment("big", "b"), finish], true)).toBe(
      "a\u001b[1m\u001b[35mb\u001b[39m\u001b[22m\n\n",
    );
  });

  it("explains itself", () => {
    for (const colors of [false, true]) {
      let text = "";
      new TraceView((part) => (text += part), paintWith(colors)).legend({
        small: "micro:small",
        big: "micro:big",
      });
      expect(text).toContain("micro:small");
      expect(text).toContain("micro:big");
      expect(text.includes("«")).toBe(!colors);
    }
  });
});

describe("figures", () => {
  it("says what was written by whom and what it took", () => {
    expect(figures(usage, timing)).toBe(
      "214 tokens: small 201, big 13 (6.1%); 2 hand-offs of 3.2 ms on average; 4 discarded; 1.2 s, first token after 12 ms",
    );
    expect(figures({ ...usage, switches: 0 }, { totalMs: 5, handoffsMs: [] })).toContain("; 0 hand-offs; ");
  });
});
