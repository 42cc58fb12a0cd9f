import { expect, test } from "vitest";

import { HashSample } from "./hash-sample.ts";

const drawn = (units: number, groups: number, seed = 1): string[] => {
  const sample = new HashSample<string>({ groups, units }, seed, (item) => item.length);
  for (const round of ["a", "b", "c"]) for (let id = 0; id < 500; id++) sample.add(`${id}`, round);
  for (const { items } of sample.groups()) expect(items).toEqual(["a", "b", "c"]);
  return sample.groups().map(({ id }) => id);
};

test("whole groups, in the order of the stream, within both limits", () => {
  const ids = drawn(1e9, 20);
  expect(ids).toHaveLength(20);
  expect(ids.map(Number)).toEqual(ids.map(Number).toSorted((a, b) => a - b));
  // A limit on the units takes the same groups first.
  const fewer = drawn(30, 20);
  expect(fewer).toHaveLength(10);
  expect(ids).toEqual(expect.arrayContaining(fewer));
  expect(drawn(1e9, 20, 2)).not.toEqual(ids);
  expect(drawn(2, 20)).toEqual([]);
});

test("says early which groups it has no room for", () => {
  const sample = new HashSample<number>({ groups: 5, units: 1e9 }, 1, () => 1);
  for (let id = 0; id < 1000; id++) sample.add(`${id}`, id);
  const ids = new Set(sample.groups().map(({ id }) => id));
  for (let id = 0; id < 1000; id++) expect(sample.takes(`${id}`)).toBe(ids.has(`${id}`));
});
