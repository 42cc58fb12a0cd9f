import { expect, it } from "vitest";

import { differences } from "./differences.ts";

it("names each field that differs, with both values", () => {
  const long = "x".repeat(60);
  expect(
    differences(
      { problems: 2, seed: 1, dial: { bias: 0, budget: 1 }, arms: ["a"], base: "b", prompt: `${long}1` },
      {
        problems: 3,
        seed: 1,
        dial: { bias: 2, budget: 1 },
        arms: ["a", "c"],
        base: undefined,
        prompt: `${long}2`,
      },
    ),
  ).toEqual([
    "problems 2, now 3",
    "dial.bias 0, now 2",
    'arms ["a"], now ["a","c"]',
    'base "b", now not set',
    `prompt "${"x".repeat(47)}..., now another`,
  ]);
  expect(differences({ a: undefined, b: [1] }, { b: [1] })).toEqual([]);
  expect(differences(undefined, { a: 1 })).toEqual(['all of it not set, now {"a":1}']);
});
