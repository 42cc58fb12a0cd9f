import { expect, it } from "vitest";

import { Turns } from "./turns.ts";

it("lets a model compute while it asks, and the other one then", () => {
  const turns = new Turns();
  const log: string[] = [];
  const [a, b] = [{}, {}];
  const take = (who: object, name: string): void => turns.take(who, () => log.push(name));
  take(a, "a1");
  take(b, "b1");
  take(a, "a2");
  expect(log).toEqual(["a1", "a2"]);
  turns.release(b);
  expect(log).toEqual(["a1", "a2"]);
  turns.release(a);
  expect(log).toEqual(["a1", "a2", "b1"]);
  take(a, "a3");
  turns.release(b);
  expect(log.at(-1)).toBe("a3");
  turns.release(a);
  take(b, "b2");
  expect(log.at(-1)).toBe("b2");
});

it("ends a long turn when another model waits, and gives it back after that", () => {
  const turns = new Turns();
  const log: string[] = [];
  const [a, b] = [{}, {}];
  turns.take(a, () => log.push("a"));
  turns.take(b, () => log.push("b"));
  let batches = 1;
  while (!log.includes("b")) {
    turns.take(a, () => log.push("a"));
    if (++batches > 1000) throw new Error("the turn does not end");
  }
  const before = log.length;
  turns.release(b);
  expect(log.slice(before)).toEqual(["a"]);
});
