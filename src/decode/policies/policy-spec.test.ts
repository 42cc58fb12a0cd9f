import { describe, expect, it } from "vitest";

import { parsePolicySpec } from "./index.ts";

describe("parsePolicySpec", () => {
  it.each([
    ["entropy", "entropy", {}],
    ["entropy:threshold=1.2", "entropy", { threshold: 1.2 }],
    ["step-score: scorer = prompt :threshold=7", "step-score", { scorer: "prompt", threshold: 7 }],
    ["cue:cues=wait/let me see/\\n:tokens=8", "cue", { cues: ["wait", "let me see", "\n"], tokens: 8 }],
    ["cue:cues=*", "cue", { cues: ["*"] }],
    ["step-score:question=a=b?", "step-score", { question: "a=b?" }],
  ])("reads %s", (spec, name, options) => {
    expect(trimmed(parsePolicySpec(spec))).toEqual({ name, options });
  });

  it.each([
    ["entropy:1.2", '"1.2" is no option; write entropy:OPTION=VALUE'],
    ["entropy:", '"" is no option'],
    ["entropy:=1", '"=1" is no option'],
    ["entropy:threshold=1:threshold=2", "threshold is given twice"],
    ["x".repeat(5000), "5000 characters are more than 4096"],
  ])("refuses %s", (spec, message) => {
    expect(() => parsePolicySpec(spec)).toThrow(message);
  });
});

/** Text values keep their white space: a question may begin with it. */
function trimmed({ name, options }: ReturnType<typeof parsePolicySpec>): unknown {
  const entries = Object.entries(options).map(([key, value]) => [
    key,
    typeof value === "string" ? value.trim() : value,
  ]);
  return { name, options: Object.fromEntries(entries) };
}
