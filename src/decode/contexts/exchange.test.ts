import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { tokenId } from "../../core/ids.ts";
import type { Piece } from "../../core/piece.ts";
import { ToyEngine, toyVocabulary } from "../../../test/support/toy-engine.ts";
import { createExchange, firstBoundary } from "./exchange.ts";

const one = new ToyEngine({ name: "one", seed: 1, vocabulary: toyVocabulary(["a", "b"], []) });
const same = new ToyEngine({ name: "same", seed: 2, vocabulary: toyVocabulary(["a", "b"], []) });
const other = new ToyEngine({ name: "other", seed: 3, vocabulary: toyVocabulary(["a", "b", "ab"], []) });

describe("within one vocabulary", () => {
  test("ids cross as they are", () => {
    const exchange = createExchange(one, same);
    expect(exchange.shared).toBe(true);
    expect(exchange.push({ text: "a", id: tokenId(0) })).toEqual([
      { text: "a", tokens: { vocabulary: same.vocabulary, ids: [0] } },
    ]);
    expect(exchange.flush()).toEqual([]);
  });
});

/** Texts of the pieces; `|` where the next text is kept apart. */
const shown = (pieces: readonly Piece[]): string =>
  pieces.map((piece) => (piece.tokens === undefined ? piece.text : "|")).join("");

describe("between vocabularies", () => {
  const texts = fc
    .array(
      fc.oneof(
        fc.constantFrom(" ", "\n", "ab", " ab", "\n\n", "<think>", "🙂"),
        fc.string({ maxLength: 70 }),
      ),
      {
        maxLength: 12,
      },
    )
    .map((parts) => parts.join(""));

  test("what is handed over does not depend on the tokens that it came in", () => {
    fc.assert(
      fc.property(texts, fc.array(fc.nat({ max: 200 }), { maxLength: 10 }), (text, cuts) => {
        const edges = [
          0,
          ...cuts.map((cut) => Math.min(cut, text.length)).sort((a, b) => a - b),
          text.length,
        ];
        const tokens = edges.slice(1).map((edge, index) => text.slice(edges[index], edge));
        const exchange = createExchange(one, other);
        const pieces = [...tokens.flatMap((token) => exchange.push({ text: token })), ...exchange.flush()];
        const atOnce = createExchange(one, other);
        expect(shown(pieces)).toBe(shown([...atOnce.push({ text }), ...atOnce.flush()]));
        expect(pieces.map((piece) => piece.text).join("")).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  test("texts are cut between words, and after a line's end", () => {
    const cutAll = (text: string): string[] => {
      const words = [];
      let rest = text;
      for (let cut = firstBoundary(rest, 48); cut; cut = firstBoundary(rest, 48)) {
        words.push(rest.slice(0, cut.length));
        rest = rest.slice(cut.length);
      }
      return [...words, rest];
    };
    expect(cutAll("so 2 + 3.\n\nThen  x\n y")).toEqual(["so", " 2", " +", " 3.\n\n", "Then", "  x\n y"]);
  });

  test("a text without words is cut all the same, never within a code point", () => {
    expect(firstBoundary("中".repeat(60), 48)).toEqual({ length: 48, forced: true });
    expect(firstBoundary(`x${"🙂".repeat(40)}`, 48)).toEqual({ length: 47, forced: true });
    const exchange = createExchange(one, other);
    const pieces = exchange.push({ text: "中".repeat(100) });
    expect(shown([...pieces, ...exchange.flush()])).toBe(
      `|${"中".repeat(48)}|${"中".repeat(48)}|${"中".repeat(4)}`,
    );
  });

  test("thinking marks cross as control pieces, tags never do", () => {
    const exchange = createExchange(one, other);
    exchange.push({ text: "</think>" });
    const pieces = [...exchange.push({ text: "\nso <bigmodel>" }), ...exchange.flush()];
    expect(pieces.filter((piece) => piece.control === true).map((piece) => piece.text)).toEqual(["</think>"]);
  });
});
