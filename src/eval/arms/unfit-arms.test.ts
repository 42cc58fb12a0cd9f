import { rmSync } from "node:fs";

import { afterAll, expect, it } from "vitest";

import { temporaryFolder, tinyModel, writeTinyModel } from "../../../test/support/tiny-models.ts";
import { unfitArms } from "./unfit-arms.ts";

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true }));

it("names the arm that needs drafts where one model is elsewhere, or has other tokens", () => {
  const specOf = (name: string, vocabularySize: number): string =>
    `gguf:${writeTinyModel(tinyModel({ seed: 1, layers: 1, vocabularySize }), folder, name)}`;
  const [small, big, other] = [specOf("small", 263), specOf("big", 263), specOf("other", 300)];
  expect(unfitArms({ small, big })).toBeUndefined();
  expect(unfitArms({ small, big: other })).toEqual({
    names: ["speculative"],
    reason: "the models have two vocabularies",
  });
  const server = "openai:http://127.0.0.1:1/v1#model";
  expect(unfitArms({ small, big: server })?.reason).toBe("a model is not a file on this machine");
  expect(() => unfitArms({ small, big: "gguf:none.gguf" })).toThrow("there is no file");
});
