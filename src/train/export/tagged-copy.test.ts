import { existsSync } from "node:fs";
import { cp, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { textPiece } from "../../core/piece.ts";
import { loadTokenizer } from "../../tokenizer/index.ts";
import { importHuggingFace } from "./import-hugging-face.ts";
import { copyWithTags } from "./tagged-copy.ts";

describe("copyWithTags", () => {
  let folder = "";
  let from = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "splitreason-tags-"));
    from = join(folder, "model");
    await cp(join("models", "micro", "small-base"), from, { recursive: true });
    // As others would have it: the vocabulary ends before the tags, the embedding does not.
    await edit("tokenizer.json", (document) => {
      document.added_tokens = document.added_tokens.filter(({ id }) => id < FIRST);
    });
    await edit("tokenizer_config.json", (document) => {
      for (const id of Object.keys(document.added_tokens_decoder))
        if (Number(id) >= FIRST) delete document.added_tokens_decoder[id];
    });
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** The first id without a token. */
  const FIRST = 489;
  interface Document {
    added_tokens: { id: number }[];
    added_tokens_decoder: Record<string, unknown>;
    vocab_size: number;
  }
  const read = async (path: string) => JSON.parse(await readFile(path, "utf8")) as Document;
  async function edit(file: string, change: (document: Document) => void): Promise<void> {
    const document = await read(join(from, file));
    change(document);
    await writeFile(join(from, file), JSON.stringify(document));
  }

  it("adds both tags at unused ids, with rows of their own, and changes nothing else", async () => {
    const to = join(folder, "tagged");
    expect(await copyWithTags(from, to)).toEqual({
      tags: [
        { content: "<bigmodel>", id: FIRST, isNew: true },
        { content: "</bigmodel>", id: FIRST + 1, isNew: true },
      ],
      matrices: ["model.embed_tokens.weight"],
    });
    const [before, after] = [await importHuggingFace(from), await importHuggingFace(to)];
    expect(after.config).toEqual(before.config);
    const { tokenizer } = await loadTokenizer(to);
    const columns = before.config.hiddenSize;
    for (const [name, { data }] of before.weights) {
      const expected = Float32Array.from(data);
      if (name === "model.embed_tokens.weight") {
        for (const [row, text] of [
          [FIRST, "bigmodel"],
          [FIRST + 1, "/bigmodel"],
        ] as const) {
          const parts = tokenizer.encode([textPiece(text)]);
          for (let column = 0; column < columns; column++) {
            const sum = parts.reduce((total, id) => total + (data[id * columns + column] ?? NaN), 0);
            expected[row * columns + column] = sum / parts.length;
          }
        }
        expect(after.weights.get(name)?.data).not.toEqual(data);
      }
      const found = after.weights.get(name)?.data ?? new Float32Array();
      expect(
        Math.max(...found.map((value, index) => Math.abs(value - (expected[index] ?? NaN)))),
      ).toBeLessThan(1e-6);
    }
    expect((await read(join(to, "tokenizer_config.json"))).added_tokens_decoder[FIRST]).toMatchObject({
      content: "<bigmodel>",
      special: false,
    });
    expect(existsSync(`${to}.partial`)).toBe(false);
    // What has them is copied as it is.
    const again = await copyWithTags(to, join(folder, "again"));
    expect(again.tags.map(({ isNew }) => isNew)).toEqual([false, false]);
    expect(await readFile(join(folder, "again", "model.safetensors"))).toEqual(
      await readFile(join(to, "model.safetensors")),
    );
  });

  it("finds the embedding among several files", async () => {
    await rename(join(from, "model.safetensors"), join(from, "model-00001-of-00002.safetensors"));
    await writeFile(
      join(from, "model.safetensors.index.json"),
      JSON.stringify({ weight_map: { "model.embed_tokens.weight": "model-00001-of-00002.safetensors" } }),
    );
    const { matrices } = await copyWithTags(from, join(folder, "tagged"));
    expect(matrices).toEqual(["model.embed_tokens.weight"]);
  });

  it("refuses an embedding without a row to spare, and a folder that is there, and leaves nothing behind", async () => {
    const to = join(folder, "tagged");
    await edit("config.json", (document) => {
      document.vocab_size = FIRST + 1;
    });
    await expect(copyWithTags(from, to)).rejects.toMatchObject({
      code: "config-invalid",
      message: expect.stringMatching(
        /490 rows and all are used, so that there is none for <\/bigmodel>.*resize_token_embeddings\(492/,
      ),
    });
    await expect(copyWithTags(from, from)).rejects.toThrow(/exists: give --out/);
    await writeFile(join(from, "tokenizer.json"), "{");
    await expect(copyWithTags(from, to)).rejects.toThrow(/tokenizer.json is not valid JSON/);
    expect([existsSync(to), existsSync(`${to}.partial`)]).toEqual([false, false]);
  });
});
