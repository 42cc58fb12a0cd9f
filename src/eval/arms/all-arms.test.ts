import { expect, it } from "vitest";

import { expandArms } from "./all-arms.ts";
import { ARM_HELP, parseArms } from "./arms.ts";

it("puts every arm in the place of all", () => {
  const arms = parseArms(expandArms("all"));
  const names = arms.map(({ name }) => name);
  for (const [name] of ARM_HELP) if (!/[A-Z]/u.test(name)) expect(names).toContain(name);
  expect(names.slice(0, 4)).toEqual(["small", "never", "self", "learned"]);
  expect(names.slice(-2)).toEqual(["random~learned", "big"]);
});

it("adds what is named besides, once", () => {
  const names = expandArms("all, random:0.05,learned").split(",");
  expect(names.filter((name) => name === "learned")).toHaveLength(1);
  expect(names.at(-1)).toBe("random:0.05");
  expect(expandArms("small,small")).toBe("small,small");
});
