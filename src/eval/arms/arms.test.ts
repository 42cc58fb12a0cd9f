import { describe, expect, it } from "vitest";

import { ARM_HELP, DEFAULT_ARMS, expandArms, parseArms, policyNameOf } from "./arms.ts";

describe("parseArms", () => {
  it("reads the default list", () => {
    expect(parseArms(DEFAULT_ARMS).map((arm) => [arm.name, arm.checkpoint, policyNameOf(arm)])).toEqual([
      ["small", "base", "never"],
      ["never", "tuned", "never"],
      ["self", "tuned", "self"],
      ["learned", "tuned", "learned"],
      ["random~learned", "tuned", "random"],
      ["big", "tuned", "always"],
    ]);
  });

  it("reads a share", () => {
    expect(parseArms(" random:0.05 ")).toEqual([
      { name: "random:0.05", checkpoint: "tuned", policy: { kind: "random", share: 0.05 } },
    ]);
  });

  it("reads other policies by their names, with options, and matches random ones to them", () => {
    const list = "entropy,step-score:scorer=prompt:threshold=6,call-n,cue,logprob-select,rewrite";
    const arms = parseArms(`${list},random~entropy,random~step-score:scorer=prompt:threshold=6`);
    expect(
      arms
        .slice(0, 6)
        .map(({ name }) => name)
        .join(","),
    ).toBe(list);
    expect(arms[1]).toEqual({
      name: "step-score:scorer=prompt:threshold=6",
      checkpoint: "tuned",
      policy: { kind: "policy", name: "step-score", options: { scorer: "prompt", threshold: 6 } },
    });
    expect(arms[7]?.policy).toEqual({ kind: "random-matched", target: arms[1]?.name });
  });

  it.each([
    ["entropy:threshold=much", 'policy "entropy", option "threshold"'],
    ["entropy:1.2", "write entropy:OPTION=VALUE"],
    ["entropyy", "unknown arm"],
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

describe("expandArms", () => {
  it("puts every arm in the place of all", () => {
    const arms = parseArms(expandArms("all"));
    const names = arms.map(({ name }) => name);
    for (const [name] of ARM_HELP) if (!/[A-Z]/u.test(name)) expect(names).toContain(name);
    expect(names.slice(0, 4)).toEqual(["small", "never", "self", "learned"]);
    expect(names.slice(-2)).toEqual(["random~learned", "big"]);
  });

  it("leaves out what does not fit, unless it is named", () => {
    expect(expandArms("all", ["speculative"]).split(",")).not.toContain("speculative");
    expect(expandArms("all,speculative", ["speculative"]).split(",")).toContain("speculative");
  });

  it("adds what is named besides, once", () => {
    const names = expandArms("all, random:0.05,learned").split(",");
    expect(names.filter((name) => name === "learned")).toHaveLength(1);
    expect(names.at(-1)).toBe("random:0.05");
    expect(expandArms("small,small")).toBe("small,small");
  });
});
