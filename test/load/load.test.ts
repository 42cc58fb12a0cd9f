/**
 * Fifty clients use the shipped pair at once. The big model is behind a real llama.cpp server in a process of its own, which is killed
 * and started again meanwhile. Nothing is lost or mixed up: every answer equals the answer to the same problem asked alone.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { MICRO_PAIR } from "../../src/decode/pair/pair-config.ts";
import { openEngine } from "../../src/engines/open/open-engine.ts";
import { microExample } from "../../src/micro/index.ts";
import { LLAMA_SERVER_TIMEOUT_MS, type LlamaServer, startLlamaServer } from "../support/llama-server.ts";
import { type ServedGateway, serveGateway } from "../support/gateway/served-gateway.ts";
import { StableAddress } from "../support/stable-address.ts";
import { type Answered, ask } from "./client.ts";

const CLIENTS = 50;
const REQUESTS = 500;
const PROBLEMS = 25;
/** Answers after which the big model is killed, and those after which it is started again. */
const KILLED_AFTER = 150;
const REVIVED_AFTER = 300;
/** Requests from here on wait until it is back: they must have its help again. */
const HELPED_FROM = 350;
/** The gateway's places: the other clients wait in its queue. */
const PLACES = 16;

let address: StableAddress;
let server: LlamaServer;
let gateway: ServedGateway;

async function startBig(): Promise<void> {
  server = await startLlamaServer("models/micro/big/model.gguf", { name: "big", slots: PLACES });
  await address.pointTo(server.url);
}

async function killBig(): Promise<void> {
  await address.pointTo(undefined);
  await server.kill();
}

beforeAll(async () => {
  address = await StableAddress.take();
  await startBig();
  const big = `openai:${address.url}/v1#big?dialect=llamacpp&tokenizer=models/micro/big/tokenizer.json`;
  gateway = await serveGateway(
    {
      pair: { ...MICRO_PAIR, big, options: { bigTimeoutMs: 60_000 } },
      limits: { concurrent: PLACES, queue: CLIENTS, queueTimeoutMs: 600_000 },
      breaker: { failures: 3, resetMs: 200 },
      embedded: { threads: 1 },
    },
    { open: (spec) => openEngine(spec, { threads: 1, sequences: PLACES, contextSize: 512 }) },
  );
}, LLAMA_SERVER_TIMEOUT_MS);

afterAll(async () => {
  await gateway?.close(0);
  await server?.kill();
  await address?.[Symbol.asyncDispose]();
});

const problemOf = (request: number): string => microExample("test", 21, request % PROBLEMS).text;

async function bigState(): Promise<string> {
  const body = (await (await fetch(`${gateway.url}/readyz`)).json()) as {
    readonly models: { readonly big: { readonly state: string } };
  };
  return body.models.big.state;
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const endMs = performance.now() + 120_000; performance.now() < endMs;) {
    if (await isSo()) return;
    await new Promise((resolve) => {
      setTimeout(resolve, 100);
    });
  }
  throw new Error(`${what}: not within two minutes`);
}

describe("fifty clients at once", { timeout: 900_000 }, () => {
  it("each get the whole of their own answer, while the big model dies and comes back", async () => {
    const alone: Answered[] = [];
    for (let problem = 0; problem < PROBLEMS; problem++) {
      const asked = { model: "splitreason", problem: problemOf(problem), seed: problem, stream: false };
      alone.push(await ask(gateway.url, asked));
    }
    // There is something to mix up, and something to lose.
    expect(new Set(alone.map(({ text }) => text)).size).toBe(PROBLEMS);
    expect(alone.filter(({ bigTokens }) => bigTokens > 0).length).toBeGreaterThan(PROBLEMS / 2);
    expect(alone.every(({ degraded }) => degraded === null)).toBe(true);

    const answers: (Answered | undefined)[] = Array.from({ length: REQUESTS }, () => undefined);
    let revive = (): void => {};
    const revived = new Promise<void>((resolve) => {
      revive = resolve;
    });
    const beforeDeath: Answered[] = [];
    let started = 0;
    let done = 0;
    const events: Promise<void>[] = [];
    const client = async (): Promise<void> => {
      while (started < REQUESTS) {
        const request = started++;
        if (request >= HELPED_FROM) await revived;
        const answer = await ask(gateway.url, {
          model: "splitreason",
          problem: problemOf(request),
          seed: request % PROBLEMS,
          stream: request % 2 === 1,
        });
        answers[request] = answer;
        if (++done <= KILLED_AFTER) beforeDeath.push(answer);
        if (done === KILLED_AFTER) events.push(killBig());
        if (done === REVIVED_AFTER) {
          const back = startBig().then(() =>
            until("the big model is up", async () => (await bigState()) === "up"),
          );
          events.push(back.finally(revive));
        }
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    await Promise.all(events);

    const complete = answers.filter((answer) => answer !== undefined);
    expect(complete).toHaveLength(REQUESTS);
    expect(new Set(complete.map(({ id }) => id)).size).toBe(REQUESTS);
    for (const { text, parts, smallTokens, bigTokens } of complete) {
      expect(parts.map((part) => part.text).join("")).toBe(text);
      const tokensOf = (author: string): number =>
        parts.filter((part) => part.author === author).reduce((sum, { tokens }) => sum + tokens, 0);
      expect([tokensOf("small"), tokensOf("big")]).toEqual([smallTokens, bigTokens]);
    }
    const outcomes = answers.map((answer, request) => ({
      answer: answer!,
      reference: alone[request % PROBLEMS]!,
      request,
    }));
    const whole = outcomes.filter(({ answer }) => answer.degraded === null);
    expect(
      whole.filter(({ answer, reference }) => answer.text !== reference.text).map(({ request }) => request),
    ).toEqual([]);
    expect(whole.filter(({ answer, reference }) => answer.bigTokens !== reference.bigTokens)).toEqual([]);
    // While it was away, the small model went on by itself: from the start, as it does when it is asked alone.
    const degraded = outcomes.filter(({ answer }) => answer.degraded !== null);
    expect(degraded.length).toBeGreaterThan(0);
    // Whatever it said before it first wanted help is what it says when it is asked alone.
    for (const { answer, reference } of degraded) {
      expect(answer.text.startsWith(reference.parts[0]!.text)).toBe(true);
    }
    // Before it died and once it was back, there was help.
    expect(beforeDeath.filter(({ degraded: why }) => why !== null)).toEqual([]);
    expect(outcomes.slice(HELPED_FROM).filter(({ answer }) => answer.degraded !== null)).toEqual([]);
    await until("nothing runs at the big model", async () => (await server.busy()) === 0);
    console.log(
      `${REQUESTS} answers: ${whole.length} as when asked alone, ${degraded.length} without the big model`,
    );
  });
});
