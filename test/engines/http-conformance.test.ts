/** Every dialect keeps the Engine contract, against servers that speak as the real ones do. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll } from "vitest";

import type { Engine, EngineCapabilities } from "../../src/engines/engine.ts";
import { openEngine } from "../../src/engines/open/open-engine.ts";
import {
  randomModel,
  type ScriptedModel,
  TEST_CONTROLS,
  testTokenizer,
} from "../../src/engines/scripted/index.ts";
import { byteCharacters } from "../../src/formats/byte-alphabet.ts";
import { tokenizerFiles } from "../../src/tokenizer/index.ts";
import { engineConformance } from "../conformance/engine.ts";
import { type DialectName, type ModelServer, startModelServer } from "../support/model-server/index.ts";

const CONTEXT = 512;
const tokenizer = testTokenizer();

/** The test vocabulary as a tokenizer.json: 256 bytes and the controls, no merges. */
const folder = mkdtempSync(join(tmpdir(), "splitreason-http-"));
const files = tokenizerFiles(
  {
    tokens: [...byteCharacters(), ...TEST_CONTROLS],
    merges: [],
    controls: TEST_CONTROLS.map((_, index) => 256 + index),
  },
  { endOfTurn: "<|im_end|>", padding: "<|endoftext|>", contextSize: CONTEXT },
);
for (const [name, content] of files) writeFileSync(join(folder, name), content);

const servers: ModelServer[] = [];
afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
  rmSync(folder, { recursive: true });
});

const QUIET = Object.fromEntries(TEST_CONTROLS.map((marker) => [marker, -9]));
const lively = randomModel({ boost: QUIET });
/** Printable ASCII only: what a context in text can carry and bring back. */
const readable: ScriptedModel = (context) => {
  const logits = lively(context);
  if (!(logits instanceof Float64Array)) throw new TypeError("no logits");
  return logits.map((logit, id) => (id < 256 && (id < 32 || id > 126) ? -Infinity : logit));
};

interface Way {
  readonly title: string;
  readonly dialect: DialectName;
  readonly tokenizer: boolean;
  readonly model: ScriptedModel;
  readonly special?: boolean;
  readonly capabilities: Partial<EngineCapabilities>;
}

const WAYS: readonly Way[] = [
  { title: "vllm with a tokenizer", dialect: "vllm", tokenizer: true, model: lively, capabilities: {} },
  {
    title: "llamacpp with a tokenizer",
    dialect: "llamacpp",
    tokenizer: true,
    model: lively,
    capabilities: {},
  },
  { title: "llamacpp", dialect: "llamacpp", tokenizer: false, model: readable, capabilities: {} },
  {
    title: "sglang with a tokenizer",
    dialect: "sglang",
    tokenizer: true,
    model: lively,
    capabilities: { scores: "every-position", logprobs: false },
  },
  { title: "vllm", dialect: "vllm", tokenizer: false, model: readable, capabilities: { tokenIds: false } },
  {
    title: "sglang",
    dialect: "sglang",
    tokenizer: false,
    model: readable,
    capabilities: { tokenIds: false, logitBias: false, logprobs: false, isControlToken: () => false },
  },
  {
    title: "openai with a tokenizer",
    dialect: "openai",
    tokenizer: true,
    model: readable,
    special: true,
    capabilities: { tokenIds: false },
  },
  {
    title: "openai",
    dialect: "openai",
    tokenizer: false,
    model: readable,
    special: true,
    capabilities: { tokenIds: false, logitBias: false, isControlToken: () => false },
  },
];

for (const way of WAYS) {
  const makeEngine = async (): Promise<Engine> => {
    const server = await startModelServer({
      dialect: way.dialect,
      slots: 16,
      script: { next: way.model, contextSize: CONTEXT, tokenizer },
      ...(way.special === undefined ? {} : { special: way.special }),
    });
    servers.push(server);
    const parameters = new URLSearchParams({
      dialect: way.dialect,
      probe: "every",
      context: String(CONTEXT),
      ...(way.tokenizer ? { tokenizer: folder } : {}),
    });
    return openEngine(`openai:${server.url}/v1#scripted?${parameters.toString()}`);
  };
  engineConformance(way.title, {
    makeEngine,
    capabilities: {
      scores: "probe",
      prefill: true,
      tokenIds: true,
      logitBias: true,
      draws: "request",
      entropy: false,
      isControlToken: (marker) => TEST_CONTROLS.includes(marker),
      contextSize: CONTEXT,
      ...way.capabilities,
    },
    slots: Infinity,
    open: "<bigmodel>",
    close: "</bigmodel>",
    endOfTurn: "<|im_end|>",
    bytes: (id) => tokenizer.bytes(id),
  });
}
