import { expect, it } from "vitest";
import { z } from "zod";

import { specAddress, specParameters } from "./spec.ts";

const fail = (what: string): never => {
  throw new Error(what);
};
const schema = z.strictObject({
  dialect: z.enum(["vllm", "sglang"]).default("vllm"),
  key: z.string().optional(),
});

it("reads an address without the slash at its end", () => {
  expect(specAddress("http://h:1/v1//", fail)).toBe("http://h:1/v1");
});

it.each([
  ["h", "is not a URL"],
  ["ftp://h", "does not begin with http"],
  ["http://user:pass@h", "user name or password"],
])("refuses the address %s", (address, message) => {
  expect(() => specAddress(address, fail)).toThrow(message);
});

it("reads parameters, with defaults", () => {
  expect(specParameters("key=a%20b", schema, fail)).toEqual({ dialect: "vllm", key: "a b" });
});

it.each([
  ["key=a&key=b", "the parameter key is there twice"],
  ["color=red", "color is not a parameter; there are dialect, key, last"],
  ["dialect=x", "parameter dialect: "],
])("refuses the parameters %s", (query, message) => {
  expect(() => specParameters(query, schema, fail, ["last"])).toThrow(message);
});
