import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { engineConformance } from "../../../test/conformance/engine.ts";
import { argmax, logSoftmax, referenceLogits } from "../../../test/support/reference-model.ts";
import {
  temporaryFolder,
  TINY_CONTROLS,
  tinyControlId,
  tinyGgufContent,
  tinyModel,
  writeTinyModel,
} from "../../../test/support/tiny-models.ts";
import type { TokenId } from "../../core/ids.ts";
import { controlPiece, textPiece } from "../../core/piece.ts";
import { encodeGguf, ggufInt32s, ggufString, ggufStrings } from "../../formats/gguf/index.ts";
import type { Engine, GenerateOptions, Sampling, TokenDelta } from "../engine.ts";
import { testTokenizer } from "../scripted/index.ts";
import { LlamaEngine } from "./llama-engine.ts";
import { firstUniform } from "./mersenne.ts";

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true }));
const model = tinyModel({ seed: 4 });
const path = writeTinyModel(model, folder);

const encoder = new TextEncoder();
for (const native of [true, false]) {
  engineConformance(native ? "llama" : "llama, by the documented interface alone", {
    makeEngine: () => LlamaEngine.load(path, { sequences: 5, contextSize: 512, threads: 1, native }),
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
}

const PROMPT = [controlPiece("<|im_start|>"), textPiece("user\nWhat is 12 + 7?"), controlPiece("<|im_end|>")];

async function generate(engine: Engine, options: Partial<GenerateOptions> & { readonly sampling: Sampling }) {
  const sequence = await engine.open();
  const appended = await sequence.append(PROMPT);
  const tokens: TokenDelta[] = [];
  let end = "";
  for await (const event of sequence.generate({ maxTokens: 100, ...options })) {
    if (event.type === "token") tokens.push(event);
    else end = event.reason;
  }
  await sequence.close();
  const prompt = appended.status === "ok" ? appended.tokens : [];
  return { prompt, tokens, end, ids: tokens.map(({ id }) => id!) };
}

const GREEDY: Sampling = { temperature: 0, seed: 1 };

describe("the llama engine", () => {
  let engine: LlamaEngine;
  let slower: LlamaEngine;
  beforeAll(async () => {
    engine = await LlamaEngine.load(path, { sequences: 3, threads: 1, contextSize: 1024 });
    slower = await LlamaEngine.load(path, { sequences: 1, threads: 1, contextSize: 1024, native: false });
  });
  afterAll(async () => {
    await engine.close();
    await slower.close();
  });

  it("has the vocabulary of the file's tokenizer", () => {
    expect(engine.vocabulary).toBe(testTokenizer().vocabulary);
    expect(engine.chatTemplate).toBeUndefined();
    expect(engine.model).toBe(`gguf:${path}`);
  });

  it("agrees with a plain forward pass to 1e-4, generating", async () => {
    const bias = ["<|im_end|>", "<|endoftext|>"].map((marker) => ({ marker, nats: -Infinity }));
    const sampling = { temperature: 1, seed: 8 };
    const options = { maxTokens: 300, sampling, bias, logprobs: true };
    const { prompt, ids, tokens } = await generate(engine, { ...options, entropy: true });
    expect(ids).toHaveLength(300);
    const logits = referenceLogits(model, [...prompt, ...ids]);
    for (const [index, token] of tokens.entries()) {
      const logprobs = logSoftmax(logits[prompt.length + index - 1]!);
      expect(Math.abs(token.logprob! - logprobs[token.id!]!)).toBeLessThan(1e-4);
      const entropy = -logprobs.reduce((sum, logprob) => sum + Math.exp(logprob) * logprob, 0);
      expect(Math.abs(token.entropy! - entropy)).toBeLessThan(1e-4);
    }
    const quick = await generate(engine, options);
    expect(quick.ids).toEqual(ids);
    for (const [index, token] of quick.tokens.entries()) {
      expect(Math.abs(token.logprob! - tokens[index]!.logprob!)).toBeLessThan(1e-5);
    }
  });

  it("takes the most likely token when greedy", async () => {
    const { prompt, ids } = await generate(engine, { sampling: GREEDY });
    const logits = referenceLogits(model, [...prompt, ...ids]);
    expect(ids.length).toBeGreaterThan(50);
    expect(ids).toEqual(ids.map((_, index) => argmax(logits[prompt.length + index - 1]!)));
  });

  it("agrees with a plain forward pass to 1e-4, scoring", async () => {
    const text = textPiece("The sum of 12 and 7 is nineteen; why so, und überhaupt 🌍? ".repeat(5));
    const watch = ["<bigmodel>", "</bigmodel>", "<|im_end|>"] as const;
    const sequence = await engine.open();
    const outcome = await sequence.score([text], { watch, tokenLogprobs: true });
    await sequence.close();
    if (outcome.status !== "ok") throw new Error("full");
    const ids = outcome.entries.map(({ id }) => id!);
    expect(ids).toHaveLength(encoder.encode(text.text).byteLength);
    let previous: Float64Array | undefined;
    for (const [index, logits] of referenceLogits(model, ids).entries()) {
      const logprobs = logSoftmax(logits);
      const entry = outcome.entries[index]!;
      for (const [at, marker] of watch.entries()) {
        expect(Math.abs(entry.watchLogprobs[at]! - logprobs[tinyControlId(marker)]!)).toBeLessThan(1e-4);
      }
      expect(entry.watchArgmax).toBe(watch.findIndex((marker) => tinyControlId(marker) === argmax(logits)));
      if (previous !== undefined)
        expect(Math.abs(entry.tokenLogprob! - previous[ids[index]!]!)).toBeLessThan(1e-4);
      previous = logprobs;
    }
  });

  it("draws the same tokens whether their log-probabilities are asked for or not", async () => {
    for (const sampling of [
      { temperature: 0.7, seed: 1 },
      { temperature: 1.3, topP: 0.9, seed: 2 },
      { temperature: 1, topP: 0.5, seed: 2 ** 31 + 3 },
    ]) {
      const bias = [{ marker: "</bigmodel>", nats: 1.5 }];
      const plain = await generate(engine, { maxTokens: 200, sampling, bias });
      const reported = await generate(engine, { maxTokens: 200, sampling, bias, logprobs: true });
      expect(reported.ids).toEqual(plain.ids);
      expect(reported.end).toBe(plain.end);
      const documented = await generate(slower, { maxTokens: 200, sampling, bias });
      expect(documented.ids).toEqual(plain.ids);
    }
  });

  it("draws by probability", async () => {
    const sequence = await engine.open();
    const appended = await sequence.append(PROMPT);
    if (appended.status !== "ok") throw new Error("full");
    const logprobs = logSoftmax(referenceLogits(model, appended.tokens).at(-1)!);
    const likely = argmax(logprobs);
    const draws = 600;
    let hits = 0;
    for (let seed = 0; seed < draws; seed++) {
      for await (const event of sequence.generate({ maxTokens: 1, sampling: { temperature: 1, seed } })) {
        if (event.type === "token" && event.id === likely) hits++;
      }
      await sequence.truncate(appended.position);
    }
    await sequence.close();
    const probability = Math.exp(logprobs[likely]!);
    expect(Math.abs(hits / draws - probability)).toBeLessThan(
      4 * Math.sqrt((probability * (1 - probability)) / draws),
    );
  });

  it("can be forbidden to end the turn", async () => {
    const forbidden = ["<|im_end|>", "<|endoftext|>"].map((marker) => ({ marker, nats: -Infinity }));
    for (const seed of [1, 2, 3]) {
      const { end, tokens } = await generate(engine, { sampling: { temperature: 2, seed }, bias: forbidden });
      expect(end).toBe("limit");
      expect(tokens).toHaveLength(100);
    }
  });

  it("reads any text without loss", async () => {
    const sequence = await engine.open();
    const text = "a\0b\u0007 Ünïcödé 🌍 \u{10FFFF} <|im_start|> <think> \r\n\t";
    const outcome = await sequence.score([textPiece(text)], { watch: [] });
    expect(outcome.status === "ok" && outcome.entries.map((entry) => entry.text).join("")).toBe(text);
    expect(outcome.status === "ok" && outcome.entries.every(({ id }) => id! < 256)).toBe(true);
    await sequence.close();
  });

  it("continues a code point that a generation left open", async () => {
    const [first, ...rest] = [...encoder.encode("🌍")] as unknown as TokenId[];
    const sequence = await engine.open();
    const ids = (tokens: readonly TokenId[]) => ({
      text: "",
      tokens: { vocabulary: engine.vocabulary, ids: tokens },
    });
    await sequence.append([textPiece("x"), ids([first!])]);
    const outcome = await sequence.score([ids(rest)], { watch: [] });
    expect(outcome.status === "ok" && outcome.entries.map(({ text }) => text)).toEqual(["", "", "🌍"]);
    await sequence.close();
  });

  it("is not silent while it reads a long text for any sequence, whatever batches that takes", async () => {
    await using engine = await LlamaEngine.load(path, { contextSize: 512, batchSize: 16, threads: 1 });
    const before = engine.activity();
    await using sequence = await engine.open();
    await sequence.append([textPiece("x".repeat(160))]);
    expect(engine.activity() - before).toBeGreaterThanOrEqual(10);
  });

  it("reads long texts in batches, and stops between them when aborted", async () => {
    const long = textPiece("x".repeat(900));
    const small = await LlamaEngine.load(path, {
      sequences: 2,
      threads: 1,
      contextSize: 1024,
      batchSize: 64,
    });
    const sequence = await small.open();
    const controller = new AbortController();
    const reading = sequence.append([long], controller.signal);
    setTimeout(() => controller.abort(), 1);
    await expect(reading).rejects.toMatchObject({ code: "aborted" });
    expect(sequence.position).toBe(0);
    await sequence.append([long]);
    expect(sequence.work.calls).toBeGreaterThanOrEqual(15);
    await small.close();
  });
});

describe("a context as long as the model's own", () => {
  it("can be filled to its last token", async () => {
    const short = tinyModel({ width: 32, heads: 2, layers: 1, contextLength: 128 });
    await using engine = await LlamaEngine.load(writeTinyModel(short, folder, "short"), {
      sequences: 2,
      threads: 1,
    });
    expect(engine.capabilities.contextSize).toBe(128);
    const bias = ["<|im_end|>", "<|endoftext|>"].map((marker) => ({ marker, nats: -Infinity }));
    const { prompt, tokens, end } = await generate(engine, { maxTokens: 500, sampling: GREEDY, bias });
    expect(end).toBe("context-full");
    expect(prompt.length + tokens.length).toBe(128);
  });
});

describe("a larger vocabulary", () => {
  it("reports the same log-probabilities without bringing all logits here", async () => {
    const large = writeTinyModel(
      tinyModel({ width: 32, heads: 2, layers: 1, vocabularySize: 6000 }),
      folder,
      "large",
    );
    for (const native of [true, false]) {
      await using engine = await LlamaEngine.load(large, {
        sequences: 2,
        threads: 1,
        contextSize: 256,
        native,
      });
      for (const options of [
        { sampling: GREEDY },
        { sampling: { temperature: 0.7, topP: 0.9, seed: 5 }, bias: [{ marker: "<bigmodel>", nats: 4 }] },
      ]) {
        const quick = await generate(engine, { maxTokens: 40, ...options, logprobs: true });
        const whole = await generate(engine, { maxTokens: 40, ...options, logprobs: true, entropy: true });
        expect(quick.ids).toEqual(whole.ids);
        for (const [index, token] of quick.tokens.entries()) {
          expect(Math.abs(token.logprob! - whole.tokens[index]!.logprob!)).toBeLessThan(1e-4);
          expect(whole.tokens[index]!.entropy).toBeGreaterThan(0);
          if (native) expect(token).not.toHaveProperty("entropy");
        }
      }
    }
  });
});

describe("user-defined tokens", () => {
  it("that are markers stay text where a user typed them", async () => {
    const content = tinyGgufContent(model);
    const types = content.metadata["tokenizer.ggml.token_type"];
    if (types?.type !== "array" || types.of !== "int32") throw new Error("no token types");
    const think = tinyControlId("<think>");
    const file = join(folder, "user-defined.gguf");
    const metadata = {
      ...content.metadata,
      "tokenizer.ggml.token_type": ggufInt32s(types.values.with(think, 4)),
      "tokenizer.chat_template": ggufString("{{ messages }}"),
    };
    writeFileSync(file, encodeGguf({ ...content, metadata }));
    await using engine = await LlamaEngine.load(file, { sequences: 1, threads: 1, contextSize: 128 });
    expect(engine.chatTemplate).toBe("{{ messages }}");
    expect(engine.capabilities.isControlToken("<think>")).toBe(true);
    expect(await engine.countTokens([controlPiece("<think>")])).toBe(1);
    const typed = "a<think><think>b<<think>";
    expect(await engine.countTokens([textPiece(typed)])).toBe(typed.length);
  });
});

describe("characters that the vocabulary cannot write", () => {
  it("are read as U+FFFD, not dropped", async () => {
    const content = tinyGgufContent(model);
    const tokens = content.metadata["tokenizer.ggml.tokens"];
    if (tokens?.type !== "array" || tokens.of !== "string") throw new Error("no tokens");
    const file = join(folder, "no-control-characters.gguf");
    const metadata = {
      ...content.metadata,
      "tokenizer.ggml.tokens": ggufStrings(tokens.values.with(4, "four").with(0xf1, "plane")),
    };
    writeFileSync(file, encodeGguf({ ...content, metadata }));
    await using engine = await LlamaEngine.load(file, { sequences: 1, threads: 1, contextSize: 128 });
    // Three bytes for each U+FFFD.
    expect(await engine.countTokens([textPiece("a\u0004b")])).toBe(5);
    expect(await engine.countTokens([textPiece("a\u{50000}b")])).toBe(5);
    expect(await engine.countTokens([textPiece("a\u0005b")])).toBe(3);
  });
});

describe("firstUniform", () => {
  it("is made of the first two outputs of mt19937", () => {
    // The standard's default seed and its first outputs.
    expect(firstUniform(5489)).toBe((3499211612 + 581869302 * 2 ** 32) / 2 ** 64);
  });
});
