/** A pair of small random models on disk with its pair file, and models that do not fit or cannot be read. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { BUILT_IN_TEMPLATES } from "../../src/tokenizer/built-in-templates.ts";
import { tinyGguf, tinyModel, writeTinyModel } from "./tiny-models.ts";

/**
 * Writes pair.json with small, base and big (temperature 0.8), each as NAME.gguf. Beside them it writes narrow (a context of 64 tokens),
 * tagless (other control tokens in place of the tags) and broken (no model at all).
 */
export function writeTinyPair(folder: string): void {
  const options = { chatTemplate: BUILT_IN_TEMPLATES.chatml, contextLength: 512, layers: 1 };
  const small = tinyModel({ ...options, seed: 1 });
  writeTinyModel(small, folder, "small");
  writeTinyModel(tinyModel({ ...options, seed: 2 }), folder, "base");
  writeTinyModel(tinyModel({ ...options, seed: 3 }), folder, "big");
  writeTinyModel(tinyModel({ ...options, seed: 1, contextLength: 64 }), folder, "narrow");
  const tagless = Buffer.from(tinyGguf(small)).toString("latin1").replaceAll("bigmodel>", "bagmodel>");
  writeFileSync(join(folder, "tagless.gguf"), tagless, "latin1");
  writeFileSync(join(folder, "broken.gguf"), "GGUF is how this file begins, and that is all");
  const pair = {
    small: "gguf:small.gguf",
    big: "gguf:big.gguf",
    smallBase: "gguf:base.gguf",
    sampling: { temperature: 0.8 },
  };
  writeFileSync(join(folder, "pair.json"), JSON.stringify(pair));
}
