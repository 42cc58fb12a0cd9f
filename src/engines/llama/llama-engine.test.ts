import { rmSync } from "node:fs";

import { afterAll, describe, expect, it } from "vitest";

import { engineConformance } from "../../../test/conformance/engine.ts";
import { byteCharacters } from "../../tokenizer/byte-alphabet.ts";
import {
  temporaryFolder,
  TINY_CONTROLS,
  tinyModel,
  writeTinyModel,
} from "../../../test/support/tiny-models.ts";
import { LlamaEngine } from "./index.ts";

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true }));
const model = tinyModel({ seed: 4 });
const path = writeTinyModel(model, folder);

const encoder = new TextEncoder();
engineConformance("llama", {
  makeEngine: () => LlamaEngine.load(path, { sequences: 5, contextSize: 512, threads: 1 }),
  capabilities: {
    scores: "every-position",
    prefill: true,
    tokenIds: true,
    logitBias: true,
    isControlToken: (marker) => (TINY_CONTROLS as readonly string[]).includes(marker),
    contextSize: 512,
  },
  slots: 5,
  open: "<bigmodel>",
  close: "</bigmodel>",
  endOfTurn: "<|im_end|>",
  bytes: (id) => (id < 256 ? Uint8Array.of(id) : encoder.encode(TINY_CONTROLS[id - 256])),
});

describe("x", () => {
  it("y", () => {
    expect(byteCharacters()).toHaveLength(256);
  });
});
