/** A server kind is added from outside `src`: one file and its entry in the table. Everything that users see then knows it. */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type CopyOfProject, copyOfProject, promisedFiles } from "./support/copy-of-project.ts";

const KIND = `/** A made-up server: it says its name at /about, and continues a text at /say. */
import type { Prompt } from "../tokens/http-tokenizer.ts";
import { numberAt, stringAt } from "../transport/json-fields.ts";
import type { WireRequest } from "../transport/transport.ts";
import type { Dialect } from "./dialect.ts";
import type { ServerKind } from "./server-kind.ts";

const say = (prompt: Prompt | undefined, tokens: number): WireRequest => ({
  at: "root",
  path: "/say",
  body: { text: prompt?.kind === "text" ? prompt.text : "", tokens },
});

const dialect: Dialect = {
  format: "json-lines",
  logitBias: false,
  logprobs: false,
  maxProbes: 1,
  generation: ({ prompt, maxTokens }) => say(prompt, maxTokens),
  reader: () => (document) => {
    const text = stringAt(document, "word");
    return text === undefined ? { arrivals: [], end: { reason: "turn" } } : { arrivals: [{ text }] };
  },
  warmUp: (prompt) => say(prompt, 0),
  probe: ({ prompts }) => say(prompts[0], 1),
  readProbe: (document) => [
    { likeliest: { text: stringAt(document, "word") ?? "" }, watchLogprob: -Infinity },
  ],
};

export const parrot: ServerKind = {
  name: "parrot",
  title: "the Parrot server",
  recognises: async ({ ask }) => stringAt(await ask("/about"), "server") === "parrot",
  dialect: () => dialect,
  tokenIds: "none",
  describe: async ({ ask }) => ({ contextSize: numberAt(await ask("/about"), "context") }),
  addsBegin: true,
};
`;

const WORDS = ["The", " answer", " is", " \\boxed{7}."];
const asked: string[] = [];
const server = createServer((request, response) => void answer(request).then((text) => response.end(text)));

async function answer(request: IncomingMessage): Promise<string> {
  asked.push(`${request.method} ${request.url}`);
  if (request.url === "/v1/models") return JSON.stringify({ data: [{ id: "bird" }] });
  if (request.url === "/about") return JSON.stringify({ server: "parrot", context: 2048 });
  if (request.url !== "/say") throw new Error(`${request.url} is asked of no parrot`);
  let body = "";
  for await (const chunk of request) body += String(chunk);
  const { tokens } = JSON.parse(body) as { readonly tokens: number };
  return [...WORDS.slice(0, tokens).map((word) => ({ word })), {}]
    .map((line) => JSON.stringify(line))
    .join("\n");
}

let project: CopyOfProject;
let url: string;

beforeAll(async () => {
  project = await copyOfProject("server-kind");
  await project.add("src/engines/http/servers/parrot.ts", KIND);
  const table = "src/engines/http/servers/index.ts";
  await project.insertAfter(table, /^import \{ openai \}/u, 'import { parrot } from "./parrot.ts";');
  await project.insertAfter(table, /^export const SERVER_KINDS\b/u, "  parrot,");
  await project.build();
  await once(server.listen(0, "127.0.0.1"), "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
}, 600_000);
afterAll(() => server.close());

describe("a server kind", () => {
  it("takes as many files as CONTRIBUTING says", async () => {
    expect(project.touched).toEqual([
      "src/engines/http/servers/index.ts",
      "src/engines/http/servers/parrot.ts",
    ]);
    expect(await promisedFiles("an HTTP server kind")).toBe(project.touched.length);
  });

  it("is named by the message about an unknown kind, by that about a spec, and by the help", async () => {
    const solve = (big: string) => project.run(["solve", "1 + 1", "--big", big]);
    expect(await solve(`openai:${url}#bird?dialect=owl`)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(
        '"owl" is not known; there are parrot (the Parrot server), vllm (vLLM), ',
      ),
    });
    expect(await solve("bird")).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("?dialect=parrot|vllm|"),
    });
    const help = await project.run(["profile", "--help"]);
    expect(help.stdout.replaceAll(/\s+/gu, "")).toContain("?dialect=parrot|vllm|");
  });

  it.each([
    ["recognised by its probe", "?template=plain"],
    ["named by the spec", "?template=plain&dialect=parrot"],
  ])("runs when it is %s", async (_how, parameters) => {
    asked.length = 0;
    const spec = `openai:${url}#bird${parameters}`;
    const { status, stdout, stderr } = await project.run([
      "solve",
      "1 + 1",
      "--big",
      spec,
      "--policy",
      "always",
      "--json",
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.any(String) });
    expect(JSON.parse(stdout)).toMatchObject({
      answer: "7",
      segments: [{ author: "big", text: WORDS.join("") }],
    });
    expect(asked).toContain("POST /say");
    expect(asked).not.toContain("POST /v1/completions");
  });
});
