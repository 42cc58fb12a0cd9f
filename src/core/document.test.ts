import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";

import { checkDocument, type DocumentDescription, parseDocument, readDocument } from "./document.ts";
import { ConfigError, DataError, TrainError, WireError } from "./errors.ts";
import { ifExists } from "./files.ts";

const schema = z.strictObject({ small: z.string(), steps: z.int().default(3) });
const description: DocumentDescription = { name: "pair file p.json", source: "config" };
const folder = mkdtempSync(join(tmpdir(), "splitreason-document-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("gives the checked value, with the schema's defaults", () => {
  expect(parseDocument('{"small":"s"}', schema, description)).toEqual({ small: "s", steps: 3 });
});

it.each([
  ["{", {}, /^pair file p\.json is not valid JSON: .+\.$/u],
  ["[]", {}, /^pair file p\.json: Invalid input: expected object, received array\.$/u],
  ["{}", {}, "pair file p.json, field small: it is missing."],
  ["{}", { advice: "Say which." }, "pair file p.json, field small: it is missing. Say which."],
  ['{"smal":"s"}', {}, 'pair file p.json: there is no field "smal"; there are small, steps.'],
  [
    '{"small":1,"steps":"x"}',
    { maxFaults: 2 },
    "pair file p.json, field small: Invalid input: expected string, received number; " +
      "field steps: Invalid input: expected number, received string.",
  ],
  ['{"smal":1,"steps":"x"}', { maxFaults: 2 }, /field steps: [^;]+; and 1 more\.$|; and 1 more\.$/u],
])("says what is wrong with %s", (text, more, message) => {
  expect(() => parseDocument(text, schema, { ...description, ...more })).toThrow(message);
});

it("gives advice that depends on the field", () => {
  const advice: DocumentDescription["advice"] = ({ isMissing, path }) =>
    isMissing ? `Give --${path}.` : undefined;
  expect(() => checkDocument({}, schema, { ...description, advice })).toThrow(
    "field small: it is missing. Give --small.",
  );
  expect(() => checkDocument({ small: 1 }, schema, { ...description, advice })).toThrow(
    /received number\.$/u,
  );
});

it.each([
  ["config", ConfigError, "config-invalid"],
  ["file", DataError, "file-invalid"],
  ["training", TrainError, "train-invalid"],
  ["wire", WireError, "wire-invalid"],
] as const)("throws the error of %s", (source, type, code) => {
  const check = (): unknown => checkDocument({}, schema, { name: "x", source });
  expect(check).toThrow(type);
  expect(check).toThrow(expect.objectContaining({ code, cause: expect.any(z.ZodError) }));
});

describe("readDocument", () => {
  it("reads a file, which names itself", async () => {
    const path = join(folder, "a.json");
    writeFileSync(path, '{"small":1}');
    await expect(readDocument(path, z.object({}), { source: "file" })).resolves.toEqual({});
    await expect(readDocument(path, schema, { source: "file" })).rejects.toThrow(`${path}, field small: `);
    await expect(readDocument(path, schema, { source: "file", maxBytes: 3 })).rejects.toThrow(
      "at most 3 are read",
    );
  });

  it("throws on a missing file, unless it may be missing", async () => {
    const reading = () => readDocument(join(folder, "none.json"), schema, { source: "config" });
    await expect(reading()).rejects.toThrow(DataError);
    await expect(ifExists(reading())).resolves.toBeUndefined();
  });
});
