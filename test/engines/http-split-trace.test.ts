/** The shipped pair behind HTTP: at temperature 0, and asked after every token, the trace is that of the embedded pair. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { SplitDecoder, learned } from "../../src/decode/index.ts";
import { MICRO_PAIR, type PairConfig } from "../../src/decode/pair/pair-config.ts";
import { Pair } from "../../src/decode/pair/pair.ts";
import { microExample } from "../../src/micro/index.ts";
import {
  type DialectName,
  ggufServed,
  type ModelServer,
  startModelServer,
} from "../support/model-server/index.ts";

const PROBLEMS = [0, 1, 2, 3].map((index) => microExample("test", 11, index).text);

/** One line a segment. */
async function traceOf(pair: Pair, problem: string): Promise<readonly string[]> {
  const lines: string[] = [];
  const events = new SplitDecoder(pair).decode({
    ...pair.render([{ role: "user", content: problem }]),
    policy: learned(),
    limits: { maxTokens: 300 },
    sampling: { temperature: 0, seed: 1 },
  });
  let text = "";
  for await (const event of events) {
    if (event.type === "segment-delta") text += event.text;
    else if (event.type === "segment-end") {
      lines.push(`${event.author} ${event.reason}: ${text}`);
      text = "";
    } else if (event.type === "finish") lines.push(`finish ${event.reason} ${event.message ?? ""}`);
    else if (event.type === "degraded") lines.push(`degraded ${event.message}`);
  }
  return lines;
}

const tokenizerOf = (name: string) => `models/micro/${name}/tokenizer.json`;

interface Way {
  readonly dialect: DialectName;
  readonly tokenizer: boolean;
  readonly special?: boolean;
}

const WAYS: readonly Way[] = [
  { dialect: "llamacpp", tokenizer: true },
  { dialect: "llamacpp", tokenizer: false },
  { dialect: "vllm", tokenizer: true },
  { dialect: "sglang", tokenizer: true },
  { dialect: "openai", tokenizer: true, special: true },
];

describe("the split trace over HTTP", { timeout: 120_000 }, () => {
  const wanted: (readonly string[])[] = [];
  beforeAll(async () => {
    await using pair = await Pair.open(MICRO_PAIR, { threads: 1, sequences: 1 });
    for (const problem of PROBLEMS) wanted.push(await traceOf(pair, problem));
  });

  it("switches authors, or there would be nothing to compare", () => {
    expect(wanted.flat().filter((line) => line.startsWith("big close-prediction")).length).toBeGreaterThan(3);
  });

  describe.each(WAYS)(
    "by $dialect, with a tokenizer of its own: $tokenizer",
    ({ dialect, tokenizer, special }) => {
      let servers: readonly ModelServer[] = [];
      let config: PairConfig;
      beforeAll(async () => {
        servers = await Promise.all(
          ["small", "big"].map(async (name) =>
            startModelServer({
              dialect,
              slots: 8,
              ...(special === undefined ? {} : { special }),
              model: await ggufServed(`models/micro/${name}/model.gguf`, { name, slots: 8 }),
            }),
          ),
        );
        const spec = (name: string, index: number) =>
          `openai:${servers[index]?.url}/v1#${name}?dialect=${dialect}&probe=every&template=chatml` +
          (tokenizer ? `&tokenizer=${tokenizerOf(name)}` : "");
        config = { ...MICRO_PAIR, small: spec("small", 0), big: spec("big", 1) };
      });
      afterAll(async () => {
        await Promise.all(servers.map((server) => server.close()));
      });

      it("equals the embedded one", async () => {
        await using pair = await Pair.open(config, {});
        for (const [index, problem] of PROBLEMS.entries()) {
          expect(await traceOf(pair, problem)).toEqual(wanted[index]);
        }
        expect(servers.map(({ busy }) => busy)).toEqual([0, 0]);
      });
    },
  );
});
