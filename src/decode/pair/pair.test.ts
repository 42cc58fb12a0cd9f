import { describe, expect, it } from "vitest";

import { ByteLevelTokenizer, trainBytePairs } from "../../tokenizer/index.ts";
import { ScriptedEngine, scriptModel } from "../../engines/scripted/index.ts";
import { pairConfigSchema } from "./pair-config.ts";
import { Pair } from "./pair.ts";

const engine = (name: string) => new ScriptedEngine({ next: scriptModel([]), name });
const pairWith = (templates: Readonly<Record<string, string>>) =>
  new Pair(pairConfigSchema.parse({ small: "s", big: "b", openThinking: false, ...templates }), {
    small: engine("small"),
    big: engine("big"),
  });
const MESSAGES = [{ role: "user", content: "Why?" }] as const;
const textOf = (pieces: readonly { readonly text: string }[] | undefined) =>
  pieces?.map(({ text }) => text).join("");

describe("Pair", () => {
  it("renders for the big model with a template of its own, where one is named", () => {
    const pair = pairWith({ template: "chatml", bigTemplate: "{{ messages[0].content }}\nAnswer:" });
    const { prompt, promptForBig } = pair.render(MESSAGES);
    expect(textOf(prompt)).toBe("<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n");
    expect(textOf(promptForBig)).toBe("Why?\nAnswer:");
  });

  it("renders once where both have the same", () => {
    expect(pairWith({ template: "chatml", bigTemplate: "chatml" }).render(MESSAGES)).not.toHaveProperty(
      "promptForBig",
    );
  });

  it("opens a thought only where the pair says so, or with if-token for a model that has the marker", () => {
    const thinker = engine("small");
    const plain = new ScriptedEngine({
      next: scriptModel([]),
      name: "big",
      tokenizer: new ByteLevelTokenizer(
        trainBytePairs({ corpus: ["ab"], controlTokens: ["<|im_end|>"] }),
        {},
      ),
    });
    const render = (openThinking?: boolean | "if-token") =>
      new Pair(
        pairConfigSchema.parse({
          small: "s",
          big: "b",
          template: "{{ messages[0].content }}:",
          openThinking,
        }),
        { small: thinker, big: plain },
      ).render(MESSAGES);
    const written = (openThinking?: boolean | "if-token") => {
      const { prompt, promptForBig } = render(openThinking);
      return [textOf(prompt), textOf(promptForBig)];
    };
    expect(written()).toEqual(["Why?:", undefined]);
    expect(written(true)).toEqual(["Why?:<think>\n", undefined]);
    expect(written("if-token")).toEqual(["Why?:<think>\n", "Why?:"]);
  });

  it("says which model has no template, and what to write where", () => {
    expect(() => pairWith({ bigTemplate: "chatml" })).toThrow(/^small has no .*"template": "chatml"/u);
    expect(() => new Pair(pairConfigSchema.parse({ small: "s", big: "b" }), { small: engine("s") })).toThrow(
      "no chat template",
    );
  });
});
