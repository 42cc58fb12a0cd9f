import { expect, it } from "vitest";
import { z } from "zod";

import { parseJsonLines, toJsonLines } from "./json-lines.ts";

const schema = z.object({ id: z.string(), inner: z.object({ value: z.number() }) });

it("reads what it wrote, and skips blank lines", () => {
  const rows = [
    { id: "a", inner: { value: 1 } },
    { id: "b\n", inner: { value: 2 } },
  ];
  expect(parseJsonLines(`\n${toJsonLines(rows)}\r\n`, schema, "file")).toEqual(rows);
  expect(parseJsonLines("", schema, "file")).toEqual([]);
});

it("names the file, the line and the field", () => {
  expect(() => parseJsonLines('{"id":"a","inner":{"value":1}}\n{"id":1}', schema, "x.jsonl")).toThrow(
    "x.jsonl:2, field id:",
  );
  expect(() => parseJsonLines('{"id":"a","inner":{"value":"1"}}', schema, "x.jsonl")).toThrow(
    "field inner.value:",
  );
  expect(() => parseJsonLines('{"id"', schema, "x.jsonl")).toThrow("x.jsonl:1 is not valid JSON");
});
