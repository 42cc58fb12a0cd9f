import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { Author } from "../../decode/index.ts";
import { type Channel, ReasoningSplitter } from "./reasoning-splitter.ts";

interface Part {
  readonly channel: Channel;
  readonly author: Author;
  readonly text: string;
  readonly tokens: number;
}

interface Token {
  readonly author: Author;
  readonly text: string;
}

/** Deltas of up to `perDelta` tokens of one author. */
function split(start: "opening" | "reasoning" | "content", tokens: readonly Token[], perDelta = 1): Part[] {
  const parts: Part[] = [];
  const splitter = new ReasoningSplitter(start, (channel, author, text, count) =>
    parts.push({ channel, author, text, tokens: count }),
  );
  for (let from = 0; from < tokens.length;) {
    const author = tokens[from]?.author ?? "small";
    let to = from;
    while (to < tokens.length && to - from < perDelta && tokens[to]?.author === author) to++;
    const delta = tokens.slice(from, to);
    splitter.push(author, delta.map(({ text }) => text).join(""), delta);
    from = to;
  }
  splitter.end();
  return parts;
}

const textOf = (parts: readonly Part[], channel: Channel): string =>
  parts
    .filter((part) => part.channel === channel)
    .map(({ text }) => text)
    .join("");
const small = (...texts: readonly string[]): Token[] => texts.map((text) => ({ author: "small", text }));

describe("the reasoning splitter", () => {
  test("cuts at the first mark, whether it is one token or spelled out over several, and leaves only the mark out", () => {
    for (const tokens of [
      small("a", "</think>", "b"),
      small("a", "<", "/thi", "nk>b"),
      small("a</think>b"),
    ]) {
      const parts = split("reasoning", tokens);
      expect(textOf(parts, "reasoning")).toBe("a");
      expect(textOf(parts, "content")).toBe("b");
      expect(parts.reduce((sum, part) => sum + part.tokens, 0)).toBe(tokens.length);
    }
  });

  test("holds text back only while it may become the mark", () => {
    const parts: string[] = [];
    const splitter = new ReasoningSplitter("reasoning", (_channel, _author, text) => parts.push(text));
    const push = (text: string): void => splitter.push("small", text, [{ text }]);
    push("x < y");
    expect(parts).toEqual(["x < y"]);
    push("</thin");
    expect(parts).toEqual(["x < y"]);
    push("g");
    expect(parts.join("")).toBe("x < y</thing");
  });

  test("a later mark is text of the answer", () => {
    expect(textOf(split("reasoning", small("a</think>b</think>c")), "content")).toBe("b</think>c");
  });

  test("where the template opened no thought, the model may, at the very beginning only", () => {
    const opened = split("opening", small("\n", "<thi", "nk>", "a</think>", "b"));
    expect([textOf(opened, "reasoning"), textOf(opened, "content")]).toEqual(["a", "b"]);
    const unopened = split("opening", small("b ", "<think>a</think>"));
    expect([textOf(unopened, "reasoning"), textOf(unopened, "content")]).toEqual(["", "b <think>a</think>"]);
    const unfinished = split("opening", small("<th"));
    expect([textOf(unfinished, "reasoning"), textOf(unfinished, "content")]).toEqual(["", "<th"]);
  });

  test("nothing is lost, mixed up or counted twice, however the text is cut", () => {
    const piece = fc.constantFrom("</think>", "<", "/", "think", ">", "a", "", "é\n", "</thi", "nk>");
    const token = fc.record({ author: fc.constantFrom<Author>("small", "big"), text: piece });
    fc.assert(
      fc.property(fc.array(token, { maxLength: 30 }), fc.integer({ min: 1, max: 9 }), (tokens, perDelta) => {
        const text = tokens.map((each) => each.text).join("");
        const parts = split("reasoning", tokens, perDelta);
        const at = text.indexOf("</think>");
        expect(textOf(parts, "reasoning")).toBe(at < 0 ? text : text.slice(0, at));
        expect(textOf(parts, "content")).toBe(at < 0 ? "" : text.slice(at + "</think>".length));
        for (const author of ["small", "big"] as const) {
          const written = tokens.filter((each) => each.author === author);
          const shown = parts.filter((part) => part.author === author);
          expect(shown.reduce((sum, part) => sum + part.tokens, 0)).toBe(written.length);
        }
      }),
      { numRuns: 500 },
    );
  });
});
