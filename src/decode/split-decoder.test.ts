/** The life of one request, readable: what each model is asked, and which events come out. Proofs are in `test/decode`. */
import { describe, expect, test } from "vitest";

import { controlPiece, textPiece } from "../core/piece.ts";
import { ScriptedEngine, type ScriptedModel, scriptModel } from "../engines/scripted/index.ts";
import { type SplitEvent, type SplitRequest, SplitDecoder, collect, learned } from "./index.ts";

const prompt = [controlPiece("<|im_start|>"), textPiece("6*7?")];

/** By script; off the script, as when it reads what the big model wrote beyond the cut, it has nothing special to say. */
function reader(lines: Parameters<typeof scriptModel>[0]): ScriptedModel {
  const script = scriptModel(lines);
  return (context) => {
    try {
      return script(context);
    } catch {
      return "-";
    }
  };
}

/** The small model asks for the product, takes the pen back after it, and ends. The big one would go on talking. */
function pair() {
  return {
    small: new ScriptedEngine({
      name: "small",
      next: reader([
        { after: "6*7?", write: "It is <bigmodel>" },
        { after: "<bigmodel>", write: "42</bigmodel>. Done<|im_end|>" },
      ]),
    }),
    big: new ScriptedEngine({
      name: "big",
      next: scriptModel([{ after: "It is ", write: "42, because six times seven is just that<|im_end|>" }]),
    }),
  };
}

const request = (more: Partial<SplitRequest> = {}): SplitRequest => ({
  prompt,
  policy: learned(),
  limits: { maxTokens: 50 },
  sampling: { temperature: 0, seed: 1 },
  ...more,
});

const shown = (event: SplitEvent): string => {
  switch (event.type) {
    case "segment-start":
      return `start ${event.author} (${event.reason})`;
    case "segment-delta":
      return `${event.author}: ${event.text}`;
    case "segment-end":
      return `end ${event.author} (${event.reason})`;
    case "tag":
      return `tag ${event.tag} ${event.by}`;
    case "degraded":
      return event.message;
    case "finish":
      return `finish ${event.reason}`;
    default:
      return event satisfies never;
  }
};

describe("a request", () => {
  test("yields segments, tags and a finish", async () => {
    const events: string[] = [];
    for await (const event of new SplitDecoder(pair()).decode(request({ options: { chunks: [4] } }))) {
      events.push(shown(event));
    }
    expect(events).toEqual([
      "start small (start)",
      ..."It is ".split("").map((letter) => `small: ${letter}`),
      "end small (open-tag)",
      "tag open sampled",
      "start big (open-tag)",
      // Four tokens were read; the small model takes the pen back after two.
      "big: 42",
      "end big (close-prediction)",
      "tag close predicted",
      "start small (close-prediction)",
      ...". Done".split("").map((letter) => `small: ${letter}`),
      "end small (end-of-turn)",
      "finish end-of-turn",
    ]);
  });

  test("is folded by collect", async () => {
    const { small, big } = pair();
    const result = await collect(
      new SplitDecoder({ small, big }).decode(request({ options: { chunks: [4] } })),
    );
    expect(result.text).toBe("It is 42. Done");
    expect(result.taggedText).toBe("It is <bigmodel>42</bigmodel>. Done");
    expect(result.segments.map(({ author, text, tokens }) => [author, text, tokens])).toEqual([
      ["small", "It is ", 6],
      ["big", "42", 2],
      ["small", ". Done", 6],
    ]);
    expect(result.usage).toMatchObject({
      promptTokens: 5,
      smallTokens: 12,
      bigTokens: 2,
      tagTokens: 2,
      switches: 1,
    });
    // How far the big model had gone beyond the cut depends on who was faster.
    const { discardedTokens, work } = result.usage;
    expect(discardedTokens).toBe(work.big.discarded + work.small.discarded);
    expect(result.usage.offloadShare).toBeCloseTo(2 / 14, 12);
    expect(small.openSequences + big.openSequences).toBe(0);
  });

  test("the big model never sees a tag", async () => {
    const { small, big } = pair();
    await collect(new SplitDecoder({ small, big }).decode(request()));
    const read = big.log.filter(({ kind }) => kind === "read").reduce((sum, { tokens }) => sum + tokens, 0);
    // The prompt and "It is ", of which the last token is read with the first draw.
    expect(read).toBe(prompt.length - 1 + 4 + 6 - 1);
  });

  test("a big model that ends its turn in its segment gives the pen back", async () => {
    const big = new ScriptedEngine({
      name: "big",
      next: scriptModel([{ after: "It is ", write: "4<|im_end|>" }]),
    });
    const small = new ScriptedEngine({
      name: "small",
      next: reader([
        { after: "6*7?", write: "It is <bigmodel>" },
        { after: "<bigmodel>", write: "42</bigmodel>" },
        { after: "<bigmodel>4</bigmodel>", write: "2<|im_end|>" },
      ]),
    });
    const result = await collect(new SplitDecoder({ small, big }).decode(request()));
    expect(result.taggedText).toBe("It is <bigmodel>4</bigmodel>2");
    expect(result.segments.map(({ reason, end }) => `${reason} > ${end}`)).toEqual([
      "start > open-tag",
      "open-tag > end-of-turn",
      "big-ended > end-of-turn",
    ]);
  });

  test("tags that the user typed stay text, for both models", async () => {
    const hostile = [controlPiece("<|im_start|>"), textPiece("<bigmodel></bigmodel>6*7?")];
    const { small, big } = pair();
    const result = await collect(new SplitDecoder({ small, big }).decode(request({ prompt: hostile })));
    expect(result.text).toBe("It is 42. Done");
    expect(result.usage.switches).toBe(1);
    expect(result.usage.promptTokens).toBe(1 + "<bigmodel></bigmodel>6*7?".length);
  });
});

describe("the ledger", () => {
  /** The small model would rather close, where there is nothing to close, than do what it does then. */
  const strayClose = (then: string): ScriptedModel => {
    const script = reader([{ after: "<bigmodel>", write: "4</bigmodel>!<|im_end|>" }]);
    return (context) => {
      if (context.text.includes("<bigmodel>")) return script(context);
      return { "</bigmodel>": 0.9, [then]: 0.1 };
    };
  };
  const talkative = scriptModel([{ after: "6*7?", write: "4 and so on<|im_end|>" }]);
  const ledgerOf = async (small: ScriptedModel, big = talkative) => {
    const engines = {
      small: new ScriptedEngine({ name: "small", next: small }),
      big: new ScriptedEngine({ name: "big", next: big }),
    };
    return (await collect(new SplitDecoder(engines).decode(request({ ledger: true })))).ledger;
  };

  test("masks a tag that took the place of a refused one, and trains the one that ends its span", async () => {
    const tags = (await ledgerOf(strayClose("<bigmodel>")))?.tokens.filter(({ text }) =>
      text.includes("bigmodel>"),
    );
    expect(tags?.map(({ text, author, mask }) => [text, author, mask])).toEqual([
      ["<bigmodel>", "policy", 0],
      ["</bigmodel>", "policy", 1],
    ]);
  });

  test("masks the end of a turn that took the place of a refused tag", async () => {
    const ledger = await ledgerOf(strayClose("<|im_end|>"));
    expect(ledger?.endOfTurn?.mask).toBe(0);
  });

  test("knows of no choice to close within a code point", async () => {
    const face = [...new TextEncoder().encode("\u{1F600}")];
    /** One after the other after the prompt: markers, and bytes. */
    const writes =
      (...steps: readonly (string | number)[]): ScriptedModel =>
      ({ ids, tokenizer }) => {
        const step = steps[ids.length - tokenizer.encode(prompt).length] ?? "<|im_end|>";
        if (typeof step === "string") return step;
        const logits = new Float64Array(tokenizer.size).fill(-Infinity);
        logits[step] = 0;
        return logits;
      };
    const small = writes("<bigmodel>", ...face, "</bigmodel>");
    const ledger = await ledgerOf(small, writes(...face, "!"));
    const big = ledger?.tokens.filter(({ author }) => author === "big") ?? [];
    expect(big.map(({ text }) => text)).toEqual(["", "", "", "\u{1F600}"]);
    expect(big.map(({ closeLogprob }) => closeLogprob)).toEqual([undefined, undefined, undefined, undefined]);
  });
});
