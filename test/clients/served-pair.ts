/** A gateway on a socket, as clients find one: over two scripted models that write a known text, or over the shipped pair. */
import { expect, vi } from "vitest";

import { sleep } from "../../src/core/async.ts";
import { openEngine } from "../../src/engines/open/open-engine.ts";
import {
  ScriptedEngine,
  type ScriptedHook,
  type ScriptedModel,
  testTokenizer,
} from "../../src/engines/scripted/index.ts";
import type { GatewayConfigInput } from "../../src/gateway/config/config.ts";
import { serveGateway } from "../support/gateway/served-gateway.ts";

/** The text of both models with tags, in the order in which the small model reads it. */
const WITH_HELP =
  "Twelve times four: <bigmodel>12*4=48</bigmodel>. Done.\n</think>The answer is 48.<|im_end|>";
/** Where it may not ask. */
const ALONE = "Twelve times four: -. Done.\n</think>I do not know.<|im_end|>";

export const REASONING = "Twelve times four: 12*4=48. Done.\n";
export const ANSWER = "The answer is 48.";
export const SPAN = "12*4=48";
export const REASONING_ALONE = "Twelve times four: -. Done.\n";
export const ANSWER_ALONE = "I do not know.";
export const QUESTION = "What is 12 times 4?";

const MARKER = /^(?:<\/?bigmodel>|<\/?think>|<\|im_end\|>)/u;

/** The next token of a text that is known, or undefined where the context has left it. */
function nextOf(script: string, written: string): string | undefined {
  if (!script.startsWith(written)) return undefined;
  const rest = script.slice(written.length);
  return MARKER.exec(rest)?.[0] ?? rest.slice(0, 1);
}

export const COMPLETION_PROMPT = "Q: 12 times 4?\nA: ";
/** The text before the output: of a chat, of the AI SDK's text completions, of a bare completion. */
const STARTS = ["<think>\n", "assistant:\n", COMPLETION_PROMPT];

/** The last turn's output so far. */
function writtenIn(text: string): string {
  const start = STARTS.find((mark) => text.includes(mark));
  if (start === undefined) throw new Error(`no turn begins in ${JSON.stringify(text)}`);
  return text.slice(text.lastIndexOf(start) + start.length);
}

const smallModel: ScriptedModel = ({ text }) => {
  const written = writtenIn(text);
  const next = nextOf(WITH_HELP, written) ?? nextOf(ALONE, written);
  // Forbidden to ask, it writes a dash.
  if (next === "<bigmodel>") return { "<bigmodel>": 0.9, "-": 0.1 };
  if (next !== undefined) return next;
  // It also reads what follows the place where it takes the pen back. What it thinks there is discarded.
  if (written.includes("<bigmodel>") && !written.includes("</bigmodel>")) return "?";
  throw new Error(`the small model has no words after ${JSON.stringify(written)}`);
};

const bigModel: ScriptedModel = ({ text }) => {
  const next = nextOf(WITH_HELP.replaceAll(/<\/?bigmodel>/gu, ""), writtenIn(text));
  if (next === undefined) throw new Error(`the big model has no words after ${JSON.stringify(text)}`);
  return next;
};

export interface Served extends AsyncDisposable {
  /** The base URL for clients. */
  readonly baseURL: string;
  readonly small: ScriptedEngine;
  readonly big: ScriptedEngine;
  /** Runs before each call into either model; replaced to slow or to break them. */
  hook: ScriptedHook;
}

export interface ServedOptions {
  readonly config?: Omit<GatewayConfigInput, "pair" | "port">;
  readonly apiKey?: string;
}

/** Over the scripted pair, at temperature 0. */
export async function serveScripted(options: ServedOptions = {}): Promise<Served> {
  const tokenizer = testTokenizer();
  let hook: ScriptedHook = () => {};
  const engine = (name: string, next: ScriptedModel): ScriptedEngine =>
    new ScriptedEngine({ name, next, tokenizer, hook: (call) => hook(call) });
  const small = engine("small", smallModel);
  const big = engine("big", bigModel);
  const pair = {
    small: "scripted:small",
    big: "scripted:big",
    template: "chatml",
    openThinking: true,
    sampling: { temperature: 0 },
  };
  const gateway = await serveGateway(
    { ...options.config, pair },
    { apiKey: options.apiKey, open: (spec) => (spec === pair.small ? small : big) },
  );
  return {
    baseURL: `${gateway.url}/v1`,
    small,
    big,
    get hook() {
      return hook;
    },
    set hook(value) {
      hook = value;
    },
    [Symbol.asyncDispose]: () => gateway.close(0),
  };
}

/** Over the shipped pair. */
export async function serveMicro(): Promise<{ readonly baseURL: string } & AsyncDisposable> {
  const config: GatewayConfigInput = {
    pair: "micro",
    limits: { concurrent: 4, choices: 4 },
    embedded: { threads: 1 },
  };
  const gateway = await serveGateway(config, {
    open: (spec) => openEngine(spec, { threads: 1, sequences: 4 }),
  });
  return { baseURL: `${gateway.url}/v1`, [Symbol.asyncDispose]: () => gateway.close(0) };
}

/** Tokens that a model has drawn so far. */
export const drawn = (engine: ScriptedEngine): number =>
  engine.log.filter(({ kind }) => kind === "draw").length;

/** Both models have let go, and draw nothing more. */
export async function expectStopped({ small, big }: Served): Promise<void> {
  await vi.waitFor(() => expect([small.openSequences, big.openSequences]).toEqual([0, 0]), 2000);
  const before = [drawn(small), drawn(big)];
  await sleep(150);
  expect([drawn(small), drawn(big)]).toEqual(before);
}
