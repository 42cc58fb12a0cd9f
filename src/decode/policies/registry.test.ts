/** What the registry knows of every policy, and that nobody knows it a second time. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { dialSchema } from "../dial/dial.ts";
import { unhonoured } from "./honoured-dial.ts";
import { parsePolicy, POLICY_FACTS, POLICY_NAMES, policyFacts, policyOptionNames } from "./index.ts";

const sources = join(import.meta.dirname, "..", "..");

describe.each(POLICY_FACTS.map((facts) => [facts.name, facts] as const))("%s", (name, facts) => {
  it("makes a policy that is what its facts say", () => {
    const policy = parsePolicy(name);
    const { uses, needsTags, readsHint } = facts;
    expect(policy).toMatchObject({ name, uses, needsTags, readsHint });
    expect(policyFacts(name)).toBe(facts);
  });

  it("has a help line, and refuses the settings of the dial that it ignores", () => {
    expect(facts.summary).toMatch(/^[a-z].{10,90}[^.]$/u);
    const usual = dialSchema.parse({});
    expect(unhonoured(name, usual)).toBeUndefined();
    for (const field of facts.ignores) {
      expect(Object.keys(dialSchema.shape)).toContain(field);
      expect(unhonoured(name, { ...usual, [field]: 0.5 })).toEqual({ field, value: 0.5 });
    }
  });

  it("names its options when one is wrong", () => {
    const names = policyOptionNames(name);
    expect(() => parsePolicy(name, { "no such": 1 })).toThrow(
      names.length === 0 ? 'no option "no such"' : `there are ${names.join(", ")}.`,
    );
  });
});

it("gives each policy a name and an arm of its own", () => {
  const arms = POLICY_FACTS.flatMap(({ arm }) => arm ?? []);
  expect(new Set(POLICY_NAMES).size).toBe(POLICY_NAMES.length);
  expect(new Set(arms).size).toBe(arms.length);
  expect(arms).not.toContain("small");
});

/** The method, its controls, and a word that means other things as well. */
const NAMED_BY_OTHERS = new Set(["learned", "random", "never", "self", "always", "entropy"]);
/** The shipped pair sets options that fit its own traces. */
const MAY_NAME_ALL = join("decode", "pair", "pair-config.ts");

it("is the one place that knows the other policies", () => {
  const others = POLICY_NAMES.filter((name) => !NAMED_BY_OTHERS.has(name)).join("|");
  const named = readdirSync(sources, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"))
    .filter((path) => !path.startsWith(join("decode", "policies")))
    .filter((path) => path !== MAY_NAME_ALL)
    .filter((path) =>
      new RegExp(`["'](?:${others})["']`, "u").test(readFileSync(join(sources, path), "utf8")),
    );
  expect(named).toEqual([]);
});
