import { expect, test } from "vitest";

import { bytesOf, contextNeed, contextOptions } from "./context-need.ts";

test("a context holds the prompt, the output and its tags, and no more than that", () => {
  const need = contextNeed({ maxTokens: 512, template: undefined, bigTemplate: undefined }, 400);
  expect(need).toBeGreaterThan(400 + 512);
  expect(need).toBeLessThanOrEqual(2048);
  expect(contextNeed({ maxTokens: 8192, template: undefined, bigTemplate: undefined }, 400)).toBeGreaterThan(
    8592,
  );
});

test("a context that is given counts, otherwise the need is a limit", () => {
  expect(contextOptions(1000, 4096)).toEqual({ contextSize: 1000 });
  expect(contextOptions(undefined, 4096)).toEqual({ longestContext: 4096 });
});

test("texts are counted in bytes: no tokenizer makes more tokens of them", () => {
  expect(bytesOf([{ content: "é" }, { content: "a" }])).toBe(3);
});
