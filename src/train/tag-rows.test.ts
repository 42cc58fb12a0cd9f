import { expect, it } from "vitest";

import type { StartingModel } from "./starting-model.ts";
import { EMBEDDING, OUTPUT_HEAD } from "./model/parameters.ts";
import { requireOwnRows, tokensAlike } from "./tag-rows.ts";

const WIDTH = 8;
const IDS: Readonly<Record<string, number>> = {
  "<|fim_prefix|>": 1,
  "<|fim_suffix|>": 2,
  "<|box_start|>": 3,
  "<|box_end|>": 4,
};

/** A table in which rows from `untrained` on are alike, but for rounding. */
function table(rows: number, untrained: number) {
  const data = Float32Array.from({ length: rows * WIDTH }, (_, at) => {
    const row = Math.floor(at / WIDTH);
    const value = Math.sin(7.3 * (row < untrained ? at : (at % WIDTH) + 100));
    return value * (1 + 1e-4 * (row % 3));
  });
  return { shape: [rows, WIDTH], data };
}

const model = (weights: StartingModel["weights"], ids = IDS): StartingModel =>
  ({ weights, chatTemplate: "", tokenizer: { controlId: (marker: string) => ids[marker] } }) as never;

it("counts the tokens whose rows are alike, in the embedding and the output head", () => {
  const weights = new Map([[EMBEDDING, table(12, 3)]]);
  expect([0, 1, 2, 3, 11].map((id) => tokensAlike(weights, id))).toEqual([0, 0, 0, 8, 8]);
  const untied = new Map([
    [EMBEDDING, table(12, 12)],
    [OUTPUT_HEAD, table(12, 10)],
  ]);
  expect([3, 10].map((id) => tokensAlike(untied, id))).toEqual([0, 1]);
});

it("refuses tags that were never trained, and names others", () => {
  const weights = new Map([[EMBEDDING, table(12, 3)]]);
  const box = { open: "<|box_start|>", close: "<|box_end|>" };
  expect(() => requireOwnRows(box, "model.gguf", model(weights))).toThrow(
    "model.gguf: <|box_start|> and <|box_end|> were never trained: 8 other tokens have the same row in its embedding. " +
      "An adapter leaves the embedding as it is, so the model could not tell them apart. " +
      `Take tokens that were trained: "tags": {"open":"<|fim_prefix|>","close":"<|fim_suffix|>"}`,
  );
  const { "<|fim_prefix|>": _, ...without } = IDS;
  expect(() => requireOwnRows(box, "model.gguf", model(weights, without))).toThrow(
    "splitreason train add-tags",
  );
  requireOwnRows({ open: "<|fim_prefix|>", close: "<|fim_suffix|>" }, "model.gguf", model(weights));
  requireOwnRows(box, "a server's model", model(undefined));
});
