import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { DataError } from "../core/errors.ts";
import { controlPiece, textPiece } from "../core/piece.ts";
import { trainBytePairs } from "./byte-level-bpe.ts";
import { ByteLevelTokenizer } from "./byte-level-tokenizer.ts";
import { qwen2Splitter } from "./bpe-encoder.ts";

const CONTROLS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"];
const CORPUS = ["We take 47 and add 3: that gives 50.\n", "We start at 12.\nThen we take it away."];
const vocabulary = trainBytePairs({ corpus: CORPUS, controlTokens: CONTROLS });
const tokenizer = new ByteLevelTokenizer(vocabulary, { endOfTurn: "<|im_end|>" });
const tokensOf = (text: string) =>
  tokenizer.encode([textPiece(text)]).map((id) => vocabulary.tokens[id]?.replaceAll("Ġ", " "));

describe("trainBytePairs", () => {
  it("starts with the 256 bytes, ends with the controls, and pads to a multiple of 16", () => {
    expect(vocabulary.tokens.slice(0x20, 0x23)).toEqual(["Ġ", "!", '"']);
    expect(new Set(vocabulary.tokens.slice(0, 256)).size).toBe(256);
    const firstControl = 256 + vocabulary.merges.length;
    expect(vocabulary.tokens.slice(firstControl, firstControl + CONTROLS.length)).toEqual(CONTROLS);
    expect(vocabulary.tokens.length % 16).toBe(0);
    expect(vocabulary.controls[0]).toBe(firstControl);
    expect(vocabulary.controls.at(-1)).toBe(vocabulary.tokens.length - 1);
  });

  it("makes every word of the corpus one token, and leaves digits single", () => {
    for (const text of CORPUS) {
      for (const word of qwen2Splitter.split(text))
        expect(tokenizer.encode([textPiece(word)])).toHaveLength(1);
    }
    expect(tokensOf("We take 47 and")).toEqual(["We", " take", " ", "4", "7", " and"]);
  });

  it("does not depend on the order of the corpus", () => {
    expect(trainBytePairs({ corpus: CORPUS.toReversed(), controlTokens: CONTROLS })).toEqual(vocabulary);
  });

  it("stops at maxSize, and says when the controls do not fit", () => {
    const small = trainBytePairs({ corpus: CORPUS, controlTokens: CONTROLS, maxSize: 270, multipleOf: 1 });
    expect(small.tokens).toHaveLength(270);
    expect(() => trainBytePairs({ corpus: CORPUS, controlTokens: CONTROLS, maxSize: 260 })).toThrow(
      /at most 260/u,
    );
    expect(() => trainBytePairs({ corpus: CORPUS, controlTokens: ["<a>", "<a>"] })).toThrow(/distinct/u);
  });
});

describe("ByteLevelTokenizer", () => {
  it("recognises markers in control pieces only", () => {
    const text = "add <think> 3<|im_end|>";
    const plain = tokenizer.encode([textPiece(text)]);
    const control = tokenizer.encode([controlPiece(text)]);
    expect(plain.some((id) => vocabulary.controls.includes(id))).toBe(false);
    expect(control.filter((id) => vocabulary.controls.includes(id))).toEqual([
      tokenizer.controlId("<think>"),
      tokenizer.endOfTurn,
    ]);
    expect(tokenizer.decode(plain)).toBe(text);
    expect(tokenizer.decode(control)).toBe(text);
  });

  it("does not let a marker arise where a plain and a control piece meet", () => {
    const ids = tokenizer.encode([
      textPiece("<thi"),
      controlPiece("nk> go"),
      textPiece("<think"),
      controlPiece(">"),
    ]);
    expect(ids.some((id) => vocabulary.controls.includes(id))).toBe(false);
  });

  it("gives the same ids however plain text is cut into pieces", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" })), (parts) => {
        expect(tokenizer.encode(parts.map(textPiece))).toEqual(tokenizer.encode([textPiece(parts.join(""))]));
      }),
    );
  });

  it("loses nothing: decode(encode(text)) is the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(tokenizer.decode(tokenizer.encode([controlPiece(text)]))).toBe(text);
      }),
    );
    const emoji = tokenizer.encode([textPiece("é😀")]);
    expect(emoji).toHaveLength(6);
    expect(Buffer.concat(emoji.map((id) => tokenizer.bytes(id))).toString()).toBe("é😀");
  });

  it("uses a piece's own ids when the vocabulary is the same, and its text otherwise", () => {
    const ids = tokenizer.encode([textPiece("gives")]).toReversed();
    const piece = { text: "gives", tokens: { vocabulary: tokenizer.vocabulary, ids } };
    expect(tokenizer.encode([piece])).toEqual(ids);
    const other = new ByteLevelTokenizer(trainBytePairs({ corpus: ["gives"], controlTokens: [] }));
    expect(other.vocabulary).not.toBe(tokenizer.vocabulary);
    expect(other.encode([piece])).toEqual(other.encode([textPiece("gives")]));
  });

  it("takes time in proportion to a word's length, whoever sends it", () => {
    const before = performance.now();
    expect(tokenizer.encode([textPiece("take".repeat(100_000))]).length).toBe(100_000);
    expect(performance.now() - before).toBeLessThan(10_000);
  });

  it("says what is wrong with a vocabulary", () => {
    const bad = (change: Partial<typeof vocabulary>) => () =>
      new ByteLevelTokenizer({ ...vocabulary, ...change });
    expect(bad({ merges: ["Ġ xyz"] })).toThrow(DataError);
    expect(bad({ tokens: vocabulary.tokens.with(260, "two words") })).toThrow(
      /not written in byte characters|no token/u,
    );
    expect(() => new ByteLevelTokenizer(vocabulary, { endOfTurn: "<nope>" })).toThrow(/not a control token/u);
    expect(() => tokenizer.bytes(-1 as never)).toThrow(/not in the vocabulary/u);
  });
});
