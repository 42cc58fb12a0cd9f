/** The harness: options are typed and refused with their name, arms take turns, ratios are within rounds. */
import { describe, expect, it } from "vitest";

import {
  amount,
  count,
  counts,
  flag,
  oneOf,
  optionHelp,
  optionalCount,
  readOptions,
  someOf,
} from "./options.ts";
import { inTurns, median, ratiosOf, spreadOf } from "./rounds.ts";

const TABLE = {
  rounds: count(7, "rounds"),
  paceMs: amount(2.5, "pace"),
  contexts: counts([1000, 4000], "contexts"),
  train: optionalCount("one seed"),
  typical: oneOf(["median", "fastest"], "typical"),
  only: someOf(["a", "b", "c"], "parts", ["a", "b"]),
  noPytorch: flag("leave it out"),
};

describe("options", () => {
  it("have defaults, and are typed", () => {
    expect(readOptions(TABLE, [])).toEqual({
      rounds: 7,
      paceMs: 2.5,
      contexts: [1000, 4000],
      train: undefined,
      typical: "median",
      only: ["a", "b"],
      noPytorch: false,
    });
    const given = ["--pace-ms", "4", "--contexts", "1,2", "--train", "3", "--only", "c,a", "--no-pytorch"];
    expect(readOptions(TABLE, given)).toMatchObject({
      paceMs: 4,
      contexts: [1, 2],
      train: 3,
      only: ["a", "c"],
      noPytorch: true,
    });
  });

  it.each([
    [["--rounds", "x"], '--rounds: it must be a whole number, not "x"'],
    [["--pace-ms", "0"], '--pace-ms: it must be a number above 0, not "0"'],
    [["--typical", "mean"], '--typical: it must be one of median, fastest, not "mean"'],
    [["--only", "a,d"], '--only: it must be one of a, b, c, not "d"'],
    [["--colour", "red"], "--colour"],
  ])("refuses %j", (given, message) => {
    expect(() => readOptions(TABLE, given)).toThrow(message);
  });

  it("are listed with their defaults", () => {
    const lines = [...optionHelp(TABLE)];
    expect(lines).toHaveLength(Object.keys(TABLE).length);
    expect(lines).toContain("  --rounds VALUE    rounds (default: 7)");
    expect(lines).toContain("  --no-pytorch      leave it out");
  });
});

describe("rounds", () => {
  it("rotate the order of the arms, and drop what warms up", async () => {
    const order: string[] = [];
    const arm = (name: string) => async (round: number) => {
      order.push(`${name}${round}`);
      return round;
    };
    const results = await inTurns({ a: arm("a"), b: arm("b") }, { rounds: 2, warmUp: 1 });
    expect(results).toEqual({ a: [0, 1], b: [0, 1] });
    expect(order).toEqual(["a-1", "b-1", "b0", "a0", "a1", "b1"]);
    order.length = 0;
    await inTurns({ a: arm("a"), b: arm("b") }, { rounds: 2, fixedOrder: true });
    expect(order).toEqual(["a0", "b0", "a1", "b1"]);
  });

  it("give ratios and their spread", () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(spreadOf(ratiosOf([2, 9, 4], [1, 3, 4]))).toEqual({ median: 2, lowest: 1, highest: 3 });
  });
});
