import { expect, it } from "vitest";

import { digestOf } from "./digest.ts";

it("does not depend on the order of keys, at any depth", () => {
  expect(digestOf({ a: 1, b: { c: [1, 2], d: null } })).toBe(digestOf({ b: { d: null, c: [1, 2] }, a: 1 }));
  expect(digestOf({ a: 1, b: undefined })).toBe(digestOf({ a: 1 }));
});

it("depends on values and on the order of lists", () => {
  expect(digestOf({ a: 1 })).not.toBe(digestOf({ a: 2 }));
  expect(digestOf([1, 2])).not.toBe(digestOf([2, 1]));
  expect(digestOf({ a: 1 })).toMatch(/^[0-9a-f]{16}$/u);
});
