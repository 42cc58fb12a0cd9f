import { describe, expect, it } from "vitest";
import { z } from "zod";

import { schemaFaults, faultText } from "./schema-faults.ts";

const dial = z.object({ bias: z.number().default(0), budget: z.number().optional() }).strict();
const schema = z
  .object({
    small: z.string(),
    dial: dial.default({ bias: 0 }),
    pair: z.union([z.string(), z.object({ big: z.string(), dial: dial.optional() }).strict()]).optional(),
    models: z.record(z.string().regex(/^[a-z]+$/u, "lower case only"), dial).optional(),
  })
  .strict();

const faults = (value: unknown): string[] => {
  const { error } = schema.safeParse(value);
  return error === undefined ? [] : schemaFaults(error, schema, value).map((fault) => faultText(fault));
};

describe("schemaFaults", () => {
  it.each<[unknown, string[]]>([
    [{ small: "s" }, []],
    [{}, ["field small: it is missing"]],
    [
      { smal: "s" },
      ['there is no field "smal"; there are small, dial, pair, models', "field small: it is missing"],
    ],
    [{ small: "s", dial: { bugdet: 1 } }, ['field dial: there is no field "bugdet"; there are bias, budget']],
    [
      { small: "s", pair: { dial: { bugdet: 1 } } },
      ['field pair.dial: there is no field "bugdet"; there are bias, budget'],
    ],
    [{ small: "s", pair: {} }, ["field pair.big: it is missing"]],
    [
      { small: "s", models: { a: { x: 1, y: 2 } } },
      ['field models.a: there is no field "x", "y"; there are bias, budget'],
    ],
    [{ small: "s", models: { A: {} } }, ["field models.A: lower case only"]],
    [{ small: 3 }, ["field small: Invalid input: expected string, received number"]],
    [[], ["Invalid input: expected object, received array"]],
  ])("of %j", (value, expected) => {
    expect(faults(value)).toEqual(expected);
  });
});
