/** The routes over the shipped micro pair: what a newcomer meets. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { Pair } from "../../../src/decode/pair.ts";
import { microExample } from "../../../src/micro/index.ts";
import { answerOf, gatewayOver, openMicro, streamOf } from "./harness.ts";

let pair: Pair;
beforeAll(async () => {
  pair = await openMicro();
});
afterAll(async () => {
  await pair.close();
});

const messages = [{ role: "user", content: microExample("test", 5, 0).text }];
const body = { model: "splitreason", messages };

describe("the micro pair over the chat route", { timeout: 60_000 }, () => {
  test("answers, and says who wrote how much", async () => {
    const gateway = gatewayOver(pair);
    const answer = await answerOf(
      await gateway.post("/v1/chat/completions", { ...body, splitreason: { authors: true } }),
    );
    console.log(JSON.stringify(answer, null, 1));
    const streamed = await streamOf(
      await gateway.post("/v1/chat/completions", { ...body, stream: true, splitreason: { authors: true } }),
    );
    console.log(JSON.stringify(streamed.chunks.slice(0, 3)), JSON.stringify(streamed.chunks.slice(-3)));
    expect(streamed.content).toBe(answer.choices[0]?.message?.content);
    expect(streamed.reasoning).toBe(answer.choices[0]?.message?.reasoning_content);
  });
});
