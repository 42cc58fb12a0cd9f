import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { DataError, TrainError } from "../../core/errors.ts";
import { checkGguf, readGguf } from "../../formats/gguf/index.ts";
import { encodeSafetensors } from "../../formats/safetensors.ts";
import { digestVocabulary, ggufVocabulary, trainBytePairs } from "../../tokenizer/index.ts";
import { parseDecoderConfig } from "../model/config.ts";
import { initialWeights, parameterSpecs, type Weights } from "../model/parameters.ts";
import { GGUF_FILE, importHuggingFace, modelExporter, type ModelTokenizer } from "./index.ts";

const tokenizer: ModelTokenizer = {
  vocabulary: trainBytePairs({ corpus: ["We add."], controlTokens: ["<|endoftext|>", "<|im_end|>"] }),
  endOfTurn: "<|im_end|>",
  padding: "<|endoftext|>",
  chatTemplate: "{{ messages[0].content }}",
};
const config = parseDecoderConfig({
  vocabularySize: tokenizer.vocabulary.tokens.length + 3,
  hiddenSize: 8,
  layers: 2,
  heads: 2,
  keyValueHeads: 1,
  headSize: 6,
  intermediateSize: 12,
  tiedEmbeddings: false,
});
const flat = initialWeights(config, 1);
const weights: Weights = new Map(
  parameterSpecs(config).map(({ name, shape, offset, size }) => [
    name,
    { shape, data: flat.subarray(offset, offset + size) },
  ]),
);

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "export-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("exports", () => {
  it("come back as they were, from the folder and from the GGUF", async () => {
    await modelExporter(tokenizer, "a name")(folder, config, weights);
    expect((await readdir(folder)).sort()).toEqual([
      "config.json",
      "generation_config.json",
      "model.gguf",
      "model.safetensors",
      "tokenizer.json",
      "tokenizer_config.json",
    ]);
    const imported = await importHuggingFace(folder);
    expect(imported.config).toEqual(config);
    expect(imported.tokenizer?.tokenizer.size).toBe(config.vocabularySize);
    expect(imported.tokenizer?.chatTemplate).toBe(tokenizer.chatTemplate);
    for (const [name, { data }] of weights) {
      expect([...(imported.weights.get(name)?.data ?? [])], name).toEqual([...data]);
    }
    const path = join(folder, GGUF_FILE);
    checkGguf(path);
    const { metadata, tensors } = readGguf(path);
    expect(metadata.get("general.name")).toEqual({ type: "string", value: "a name" });
    expect(tensors.get("blk.1.attn_q.weight")?.dimensions).toEqual([8, 12]);
    expect(tensors.get("blk.1.ffn_down.weight")?.dimensions).toEqual([12, 8]);
    expect(tensors.get("output.weight")?.dimensions).toEqual([8, config.vocabularySize]);
    const vocabulary = ggufVocabulary(metadata);
    expect(vocabulary && digestVocabulary(vocabulary)).toBe(digestVocabulary(tokenizer.vocabulary));
  });

  it("give the same bytes again", async () => {
    const again = join(folder, "again");
    await modelExporter(tokenizer, "a name")(again, config, weights);
    for (const name of await readdir(again)) {
      expect(await readFile(join(again, name)), name).toEqual(await readFile(join(folder, name)));
    }
  });

  it("write nothing when weights, config and tokenizer do not belong together", async () => {
    const nowhere = join(folder, "nowhere");
    const exporting = (change: object, tensors = weights) =>
      modelExporter(tokenizer, "x")(nowhere, { ...config, ...change }, tensors);
    await expect(exporting({ vocabularySize: 256 })).rejects.toThrow(/tokens, the model only 256/u);
    await expect(exporting({ layers: 3 })).rejects.toThrow(TrainError);
    await expect(exporting({}, new Map())).rejects.toThrow(/is missing/u);
    await expect(
      modelExporter({ ...tokenizer, endOfTurn: "<nope>" }, "x")(nowhere, config, weights),
    ).rejects.toThrow(/<nope>/u);
    await expect(readdir(nowhere)).rejects.toThrow(/ENOENT/u);
  });
});

describe("importHuggingFace", () => {
  /** The exported folder with changes to config.json or to the weights. */
  async function changed(change: object, tensors?: Weights): Promise<void> {
    const path = join(folder, "changed");
    await modelExporter(tokenizer, "x")(path, config, weights);
    const json: object = JSON.parse(await readFile(join(path, "config.json"), "utf8"));
    await writeFile(join(path, "config.json"), JSON.stringify({ ...json, ...change }));
    if (tensors) {
      await writeFile(join(path, "model.safetensors"), encodeSafetensors({ tensors, metadata: {} }));
    }
    await importHuggingFace(path);
  }

  it.each([
    ["another architecture", { model_type: "gemma3" }, /model_type.*llama, qwen2, qwen3/su],
    [
      "biases of another architecture",
      { model_type: "llama", mlp_bias: true },
      /mlp_bias is true; only false/u,
    ],
    ["neighbours that are paired", { rope_interleaved: true }, /rope_interleaved/u],
    ["scaled rotary embedding", { rope_scaling: { rope_type: "yarn", factor: 4 } }, /rope_scaling/u],
    ["the same in version 5's spelling", { rope_parameters: { rope_type: "yarn" } }, /rope_parameters/u],
    ["a scaling without its factor", { rope_parameters: { rope_type: "linear" } }, /ropeScaling/u],
    ["sliding windows", { use_sliding_window: true }, /use_sliding_window/u],
    ["layers of another kind", { layer_types: ["full_attention", "sliding_attention"] }, /layer_types/u],
    ["biases", { attention_bias: true }, /attention_bias/u],
    ["quantised weights", { quantization_config: { bits: 4 } }, /quantization_config/u],
    ["heads that do not divide", { num_key_value_heads: 3 }, /keyValueHeads/u],
    ["an odd head", { head_dim: 5 }, /headSize/u],
    ["other shapes", { hidden_size: 10 }, /embed_tokens\.weight is \[\d+, 8\] where the config asks for/u],
  ])("refuses %s, naming the file and the field", async (_, change, message) => {
    await expect(changed(change)).rejects.toThrow(DataError);
    await expect(changed(change)).rejects.toThrow(message);
    await expect(changed(change)).rejects.toThrow(/config\.json/u);
  });

  it("refuses missing and unknown tensors", async () => {
    const without = new Map(weights);
    without.delete("model.norm.weight");
    await expect(changed({}, without)).rejects.toThrow(/model\.norm\.weight is missing/u);
    const more = new Map([
      ...weights,
      ["model.layers.0.self_attn.q_proj.bias", { shape: [1], data: flat.subarray(0, 1) }],
    ]);
    await expect(changed({}, more)).rejects.toThrow(/q_proj\.bias is not a parameter/u);
  });

  it("reads a tied model whose head was written a second time", async () => {
    await expect(changed({ tie_word_embeddings: true })).resolves.toBeUndefined();
  });

  it("says what is not there", async () => {
    await expect(importHuggingFace(join(folder, "absent"))).rejects.toThrow(/config\.json: no such file/u);
    const path = join(folder, "again");
    await rm(join(path, "model.safetensors"));
    await expect(importHuggingFace(path)).rejects.toThrow(/model\.safetensors: no such file/u);
    const index = (weight_map: object): Promise<void> =>
      writeFile(join(path, "model.safetensors.index.json"), JSON.stringify({ weight_map }));
    await index({ "model.norm.weight": "../model.safetensors" });
    await expect(importHuggingFace(path)).rejects.toThrow(/shard index .*weight_map/su);
    await index({ "model.norm.weight": "model-00001-of-00002.safetensors" });
    await expect(importHuggingFace(path)).rejects.toThrow(/00001-of-00002\.safetensors: no such file/u);
    const shard = encodeSafetensors({ tensors: new Map([...weights].slice(0, 1)), metadata: {} });
    await writeFile(join(path, "model-00001-of-00002.safetensors"), shard);
    await expect(importHuggingFace(path)).rejects.toThrow(
      /puts model\.norm\.weight into .*does not have it/u,
    );
    await writeFile(join(path, "config.json"), "{");
    await expect(importHuggingFace(path)).rejects.toThrow(/config\.json is not valid JSON/u);
  });
});
