import { describe, expect, it } from "vitest";

import { DEFAULT_ARMS, parseArms } from "./arms.ts";

describe("parseArms", () => {
  it("reads the default list", () => {
    expect(
      parseArms(DEFAULT_ARMS).map(({ name, checkpoint, policy }) => [name, checkpoint, policy.kind]),
    ).toEqual([
      ["small", "base", "never"],
      ["never", "tuned", "never"],
      ["self", "tuned", "self"],
      ["learned", "tuned", "learned"],
      ["random~learned", "tuned", "random-matched"],
      ["big", "tuned", "always"],
    ]);
  });

  it("reads a share", () => {
    expect(parseArms(" random:0.05 ")).toEqual([
      { name: "random:0.05", checkpoint: "tuned", policy: { kind: "random", share: 0.05 } },
    ]);
  });

  it.each([
    ["", "no arms"],
    ["learnt", 'unknown arm "learnt"'],
    ["learned,learned", "given twice"],
    ["random:2", "from 0 to 1"],
    ["random:x", "from 0 to 1"],
    ["random", "unknown arm"],
    ["random~learned", "not among the arms"],
    ["learned,random~learned,random~random~learned", "itself matched"],
  ])("refuses %j, saying what is wrong", (list, message) => {
    expect(() => parseArms(list)).toThrow(message);
  });
});
