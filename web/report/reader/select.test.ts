import { expect, test } from "vitest";

import type { PageProblem } from "../../../src/eval/report/page-data.ts";
import { rightShare, selected } from "./select.ts";

const problem = (id: string, ...right: readonly (boolean | undefined)[]): PageProblem => ({
  id,
  task: "micro",
  problem: `The problem ${id}`,
  gold: "1",
  traces: right.flatMap((correct, arm) =>
    correct === undefined
      ? []
      : {
          arm,
          sample: 0,
          correct,
          answer: "1",
          finishReason: "stop",
          smallTokens: 1,
          bigTokens: 0,
          segments: [],
        },
  ),
});

const problems = [
  problem("a", true, true),
  problem("b", true, false),
  problem("C", false, false),
  problem("d", undefined, true),
];
const all = { arm: undefined, verdict: "", text: "", hidden: new Set<number>() } as const;
const ids = (selection: Partial<Parameters<typeof selected>[1]>) =>
  selected(problems, { ...all, ...selection }).map(({ id }) => id);

test("by arm, verdict and text", () => {
  expect(ids({})).toEqual(["a", "b", "C", "d"]);
  expect(ids({ verdict: "right" })).toEqual(["a", "b", "d"]);
  expect(ids({ verdict: "wrong" })).toEqual(["b", "C"]);
  expect(ids({ verdict: "differ" })).toEqual(["b"]);
  expect(ids({ arm: 0 })).toEqual(["a", "b", "C"]);
  expect(ids({ arm: 1, verdict: "wrong" })).toEqual(["b", "C"]);
  expect(ids({ verdict: "wrong", hidden: new Set([1]) })).toEqual(["C"]);
  expect(ids({ text: "PROBLEM c" })).toEqual(["C"]);
});

test("the share of samples that is right", () => {
  expect(problems.map((each) => rightShare(each, 0))).toEqual([1, 1, 0, undefined]);
});
