import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { DataError } from "../core/errors.ts";
import { controlPiece, textPiece } from "../core/piece.ts";
import { byteCharacters } from "../formats/byte-alphabet.ts";
import { trainBytePairs } from "./byte-level-bpe.ts";
import { ByteLevelTokenizer } from "./byte-level-tokenizer.ts";
import { tokenizerFiles } from "./tokenizer-files.ts";
import { loadTokenizer } from "./tokenizer-json.ts";

const CONTROLS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"];
const vocabulary = trainBytePairs({ corpus: ["We take it away, then we add."], controlTokens: CONTROLS });
const options = {
  endOfTurn: "<|im_end|>",
  padding: "<|endoftext|>",
  chatTemplate: "{{ 'x' }}",
  contextSize: 512,
};

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tokenizer-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function write(files: Iterable<readonly [string, string]>): Promise<void> {
  for (const [name, content] of files) await writeFile(join(folder, name), content);
}

/** A tokenizer.json with only the 256 bytes, a few merges, and the given pre-tokenizer. */
function foreign(preTokenizer: unknown, merges: string[], change: object = {}): string {
  const tokens = [...byteCharacters(), ...merges.map((merge) => merge.replace(" ", ""))];
  return JSON.stringify({
    added_tokens: [{ id: tokens.length, content: "<s>", special: true }],
    normalizer: null,
    pre_tokenizer: preTokenizer,
    model: { type: "BPE", vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges },
    ...change,
  });
}

describe("tokenizer.json", () => {
  it("comes back as the same tokenizer", async () => {
    await write(tokenizerFiles(vocabulary, options));
    const loaded = await loadTokenizer(folder, 999);
    const tokenizer = new ByteLevelTokenizer(vocabulary, { endOfTurn: "<|im_end|>" });
    expect(loaded.tokenizer.contents).toEqual(vocabulary);
    expect(loaded.tokenizer.vocabulary).toBe(tokenizer.vocabulary);
    expect(loaded.tokenizer.endOfTurn).toBe(tokenizer.endOfTurn);
    expect(loaded.tokenizer.size).toBe(999);
    expect(loaded.tokenizer.bytes(998 as never)).toHaveLength(0);
    expect(loaded).toMatchObject({
      chatTemplate: "{{ 'x' }}",
      endOfTurn: "<|im_end|>",
      beginOfText: undefined,
    });
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.boolean(), (text, control) => {
        expect(loaded.tokenizer.encode([{ text, control }])).toEqual(tokenizer.encode([{ text, control }]));
      }),
    );
  });

  it("keeps pieces of other pre-tokenizers apart as they say (GPT-2, Llama 3)", async () => {
    const merges = ["Ġ 1", "1 2", "12 3", "Ġ a"];
    const pieces = [textPiece("123 12 a"), controlPiece("<s>")];
    const texts = async () => {
      const { tokenizer } = await loadTokenizer(folder);
      return tokenizer.encode(pieces).map((id) => tokenizer.decode([id]));
    };
    await write([["tokenizer.json", foreign({ type: "ByteLevel", add_prefix_space: false }, merges)]]);
    await rm(join(folder, "tokenizer_config.json"), { force: true });
    expect(await texts()).toEqual(["123", " 1", "2", " a", "<s>"]);
    const llama3 = {
      type: "Sequence",
      pretokenizers: [
        {
          type: "Split",
          pattern: {
            Regex:
              "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
          },
          behavior: "Isolated",
          invert: false,
        },
        { type: "ByteLevel", add_prefix_space: false, use_regex: false },
      ],
    };
    await write([["tokenizer.json", foreign(llama3, merges)]]);
    expect(await texts()).toEqual(["123", " ", "12", " a", "<s>"]);
  });

  it("takes a whole word before any merge where the file says ignore_merges", async () => {
    const json = JSON.parse(foreign({ type: "ByteLevel", add_prefix_space: false }, ["a b"]));
    json.model.vocab["abab"] = 258;
    json.model.ignore_merges = true;
    await write([["tokenizer.json", JSON.stringify(json)]]);
    const { tokenizer } = await loadTokenizer(folder);
    expect(tokenizer.encode([textPiece("abab")])).toEqual([258]);
  });

  it("names the file and the field of what it cannot use", async () => {
    const byteLevel = { type: "ByteLevel", add_prefix_space: false };
    const load = async (content: string) => {
      await write([["tokenizer.json", content]]);
      return loadTokenizer(folder);
    };
    await expect(load("{")).rejects.toThrow(/tokenizer\.json is not valid JSON/u);
    await expect(load(foreign({ type: "Metaspace" }, []))).rejects.toThrow(/Metaspace is not byte-level/u);
    await expect(load(foreign(byteLevel, ["a missing"]))).rejects.toThrow(/no token "missing"/u);
    await expect(load(foreign(byteLevel, [], { model: { type: "Unigram", vocab: [] } }))).rejects.toThrow(
      /model\.type/u,
    );
    const huge = { added_tokens: [{ id: 2 ** 40, content: "<s>" }] };
    await expect(load(foreign(byteLevel, [], huge))).rejects.toThrow(/added_tokens\.0\.id/u);
    const strips = { added_tokens: [{ id: 256, content: "<s>", rstrip: true }] };
    await expect(load(foreign(byteLevel, [], strips))).rejects.toThrow(/added_tokens\.0\.rstrip/u);
    await expect(loadTokenizer(join(folder, "nowhere"))).rejects.toThrow(/no such file/u);
    expect(() => tokenizerFiles(vocabulary, { ...options, endOfTurn: "<nope>" })).toThrow(DataError);
  });
});
