/** The real `splitreason serve` on the shipped pair, its big model behind a real connection that is really cut. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { sleep } from "../../../src/core/async.ts";
import { ggufServed, type ModelServer, startModelServer } from "../../support/model-server/index.ts";
import { StableAddress } from "../../support/stable-address.ts";
import { joined, openRequest } from "./rig.ts";
import { type ServeProcess, startServe } from "./serve-process.ts";

const PROBLEM =
  "Start with 347. First, add 85. Second, multiply the last two digits by 63. Third, add 29. What is the result modulo 1000?";
const BIG = join(import.meta.dirname, "..", "..", "..", "models", "micro", "big", "model.gguf");

const folder = mkdtempSync(join(tmpdir(), "splitreason-serve-"));

/** A configuration file with a breaker that is quick to try again. */
function configFile(drainMs: number): string {
  const path = join(folder, `drain-${drainMs}.json`);
  writeFileSync(path, JSON.stringify({ breaker: { failures: 2, resetMs: 500 }, drainMs }));
  return path;
}

let server: ModelServer;
let link: StableAddress;
let serve: ServeProcess;

/** The big model's server is slow enough to be caught in the middle of a segment. */
beforeAll(async () => {
  server = await startModelServer({
    dialect: "llamacpp",
    model: await ggufServed(BIG, { name: "micro-big" }),
    pace: { decodeTokensPerSecond: 25, prefillTokensPerSecond: 100_000 },
  });
  link = await StableAddress.take();
  serve = await startServe([
    "--big",
    `openai:${link.url}/v1?dialect=llamacpp`,
    "--concurrent",
    "4",
    "--config",
    configFile(20_000),
  ]);
});

afterAll(async () => {
  await serve?.[Symbol.asyncDispose]();
  await link?.[Symbol.asyncDispose]();
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Reply {
  readonly status: number;
  readonly answer: string | undefined;
  readonly bigTokens: number | undefined;
  readonly degraded: string | null | undefined;
}

async function solve(more: object = {}): Promise<Reply> {
  const response = await fetch(`${serve.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "splitreason",
      messages: [{ role: "user", content: PROBLEM }],
      ...more,
    }),
  });
  const body = (await response.json()) as {
    choices?: [{ message: { content: string } }];
    usage?: { completion_tokens_details: { big_tokens: number } };
    splitreason?: { degraded: string | null };
  };
  return {
    status: response.status,
    answer: /\\boxed\{(\d+)\}/u.exec(body.choices?.[0].message.content ?? "")?.[1],
    bigTokens: body.usage?.completion_tokens_details.big_tokens,
    degraded: body.splitreason?.degraded,
  };
}

const bigState = async (): Promise<string> => {
  const ready = (await (await fetch(`${serve.url}/readyz`)).json()) as { models: { big: { state: string } } };
  return ready.models.big.state;
};
const bigIsUp = (): Promise<void> => expect.poll(bigState, { timeout: 30_000, interval: 100 }).toBe("up");

describe("serve, with the big model's server", { timeout: 240_000 }, () => {
  it("away at the start: it starts, answers alone and says so, and takes the server in when it is there", async () => {
    const alone = await solve();
    expect(alone).toMatchObject({ status: 200, bigTokens: 0 });
    expect(alone.degraded).toContain("away");
    await link.pointTo(server.url);
    await bigIsUp();
    const together = await solve();
    expect(together).toMatchObject({ status: 200, degraded: null });
    expect(together.bigTokens).toBeGreaterThan(0);
  });

  it("killed in the middle of a segment: the answer continues, then the server is spared, then it is back", async () => {
    await bigIsUp();
    const { decoded } = server.work;
    const solving = solve();
    await expect
      .poll(() => server.work.decoded - decoded, { timeout: 30_000, interval: 5 })
      .toBeGreaterThan(2);
    await link.pointTo(undefined);
    const cut = await solving;
    expect(cut.status).toBe(200);
    expect(cut.degraded).toBeTruthy();
    for (let request = 0; request < 2; request++) expect((await solve()).degraded).toBeTruthy();
    const requests = server.requests.length;
    expect(await solve()).toMatchObject({ status: 200, bigTokens: 0 });
    expect(server.requests).toHaveLength(requests);
    await link.pointTo(server.url);
    await bigIsUp();
    expect(await solve()).toMatchObject({ status: 200, degraded: null });
    expect(serve.log()).not.toContain("Start with 347");
  });

  it("a client that leaves: the server's slot is free at once, nothing is decoded for nobody", async () => {
    await bigIsUp();
    const { decoded } = server.work;
    const { response, leave } = await openRequest(serve.url, {
      stream: true,
      messages: [{ role: "user", content: PROBLEM }],
    });
    response.resume();
    await expect
      .poll(() => server.work.decoded - decoded, { timeout: 30_000, interval: 5 })
      .toBeGreaterThan(2);
    leave();
    await expect.poll(() => server.busy, { timeout: 5_000, interval: 10 }).toBe(0);
    const after = server.work.decoded;
    await sleep(200);
    expect(server.work.decoded).toBe(after);
  });

  it("SIGTERM: what runs ends with all its text, what comes is turned away, then it exits with 0", async () => {
    await bigIsUp();
    const { decoded } = server.work;
    const { response } = await openRequest(serve.url, {
      stream: true,
      messages: [{ role: "user", content: PROBLEM }],
    });
    let text = "";
    response.setEncoding("utf8").on("data", (part: string) => (text += part));
    const whole = new Promise<void>((resolve) => response.once("end", resolve));
    await expect
      .poll(() => server.work.decoded - decoded, { timeout: 30_000, interval: 5 })
      .toBeGreaterThan(2);
    expect(text).not.toContain("[DONE]");
    serve.kill("SIGTERM");
    await expect.poll(() => serve.log(), { timeout: 10_000 }).toContain('"msg":"draining"');
    await expect(solve()).rejects.toThrow();
    await whole;
    expect(joined(text)).toMatchObject({ done: true, degraded: null, error: undefined });
    expect(await serve.ended).toEqual({ status: 0, signal: null });
    expect(serve.log()).toContain('"msg":"stopped"');
  });
});

describe("serve, on its own", { timeout: 240_000 }, () => {
  it("cuts off what does not end in time, and exits with 0", async () => {
    await using own = await startServe([
      "--big",
      `openai:${link.url}/v1?dialect=llamacpp`,
      "--config",
      configFile(1_000),
    ]);
    const { decoded } = server.work;
    const { response } = await openRequest(own.url, {
      model: "splitreason:big",
      stream: true,
      max_tokens: 400,
    });
    response.resume();
    const cut = new Promise<void>((resolve) => response.once("close", resolve));
    await expect
      .poll(() => server.work.decoded - decoded, { timeout: 30_000, interval: 5 })
      .toBeGreaterThan(2);
    const begun = performance.now();
    own.kill("SIGTERM");
    expect(await own.ended).toEqual({ status: 0, signal: null });
    await cut;
    // 400 tokens would take 16 s; the file gives them one second.
    expect(performance.now() - begun).toBeLessThan(12_000);
    await expect.poll(() => server.busy, { timeout: 5_000, interval: 10 }).toBe(0);
  });

  it("does not start without the key that it should ask for, nor with a model file that is not there", async () => {
    await expect(startServe(["--api-key-env", "NO_SUCH_KEY"])).rejects.toThrow(
      /ended with 2: .*NO_SUCH_KEY is not set/u,
    );
    await expect(startServe(["--big", "gguf:/nowhere/big.gguf"])).rejects.toThrow(
      /ended with 1: .*there is no file/su,
    );
    await expect(startServe(["--config", "/nowhere.json"])).rejects.toThrow(/ended with 1: .*no such file/u);
  });

  it("warns when it can be reached from elsewhere without a key, and asks for the key where it has one", async () => {
    await using open = await startServe(["--host", "0.0.0.0", "--concurrent", "1"]);
    expect(open.log()).toMatch(/"level":"warn".*anyone who can reach this address/u);
    await using closed = await startServe(["--api-key-env", "MY_KEY", "--concurrent", "1"], {
      environment: { MY_KEY: "correct-horse-battery" },
    });
    expect(closed.log()).not.toContain("anyone who can reach");
    expect((await fetch(`${closed.url}/v1/models`)).status).toBe(401);
    const headers = { authorization: "Bearer correct-horse-battery" };
    expect((await fetch(`${closed.url}/v1/models`, { headers })).status).toBe(200);
    expect(closed.log()).not.toContain("horse");
  });
});
