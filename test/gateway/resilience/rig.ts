/**
 * A gateway on a real socket over two scripted models behind their guards, which can be broken and mended while it runs. What
 * the models write is known to the letter, so that nothing can be lost unnoticed.
 */
import { request as httpRequest, type IncomingMessage } from "node:http";

import { vi, expect } from "vitest";

import { EngineError } from "../../../src/core/errors.ts";
import type { Engine } from "../../../src/engines/engine.ts";
import {
  type ScriptedCall,
  ScriptedEngine,
  type ScriptedHook,
  type ScriptedModel,
  testTokenizer,
} from "../../../src/engines/scripted/index.ts";
import type { GatewayConfigInput } from "../../../src/gateway/config/config.ts";
import { TRIAL_PROMPT } from "../../../src/gateway/guard/engine-trial.ts";
import { eventsIn, type StreamedChunk } from "../../support/gateway/event-stream.ts";
import { type ServedGateway, serveGateway } from "../../support/gateway/served-gateway.ts";

/** Tokens that the small model writes before, between and after the spans, each a letter. */
export const RUN = 6;
/** Tokens after which the small model takes the pen back. */
export const SPAN = 12;
/** Spans in an answer. */
const SPANS = 2;

const s = "s".repeat(RUN);
const b = "b".repeat(SPAN);
/** With both models up. */
export const SPLIT_REASONING = s + b + s + b + s;
/** By the small model alone: where it asks in vain it writes a dash. */
export const SMALL_REASONING = `${s}-${s}-${s}`;
export const ANSWER = "42";

/** Asks for help twice, takes the pen back after {@link SPAN} letters, then thinks no more and answers. */
const smallModel: ScriptedModel = ({ text }) => {
  const start = text.lastIndexOf("<think>\n");
  if (start < 0) return "x";
  const body = text.slice(start + "<think>\n".length);
  const opened = body.lastIndexOf("<bigmodel>");
  if (opened > body.lastIndexOf("</bigmodel>")) {
    return body.length - opened - "<bigmodel>".length >= SPAN ? "</bigmodel>" : "b";
  }
  const thought = body.indexOf("</think>");
  if (thought >= 0) return ANSWER[body.length - thought - "</think>".length] ?? "<|im_end|>";
  const own = body.replaceAll(/<bigmodel>.*?<\/bigmodel>/gu, "-");
  const asked = own.split("-").length - 1;
  if (own.length - asked < (asked + 1) * RUN) return "s";
  // Forbidden to ask, it writes a dash.
  return asked < SPANS ? { "<bigmodel>": 0.9, "-": 0.1 } : "</think>";
};

/** Never ends. */
const bigModel: ScriptedModel = () => "b";

interface Breakable {
  /** Runs before each call into the model; replaced to break it. */
  fault: ScriptedHook | undefined;
  /** Keeps it from being opened. */
  away: Error | undefined;
  /** Every engine that was opened. */
  readonly engines: ScriptedEngine[];
  /** Calls into the model so far, without the guard's own attempts to bring it back. */
  readonly calls: number;
  /** Tokens drawn so far. */
  readonly drawn: number;
  /** Sequences open now. */
  readonly open: number;
}

function breakable(name: string, next: ScriptedModel, contextSize: number) {
  const state: { fault: ScriptedHook | undefined; away: Error | undefined } = {
    fault: undefined,
    away: undefined,
  };
  const engines: ScriptedEngine[] = [];
  const tokenizer = testTokenizer();
  const open = async (): Promise<ScriptedEngine> => {
    if (state.away !== undefined) throw state.away;
    const engine = new ScriptedEngine({
      next,
      name,
      tokenizer,
      contextSize,
      hook: async (call) => {
        await new Promise((resolve) => setImmediate(resolve));
        await state.fault?.(call);
      },
    });
    engines.push(engine);
    return engine;
  };
  const model: Breakable = Object.defineProperties(state as Breakable, {
    engines: { value: engines },
    calls: { get: () => engines.reduce((sum, { log }) => sum + callsByRequests(log), 0) },
    drawn: {
      get: () => engines.reduce((sum, { log }) => sum + log.filter(({ kind }) => kind === "draw").length, 0),
    },
    open: { get: () => engines.reduce((sum, { openSequences }) => sum + openSequences, 0) },
  });
  return { model, open };
}

function callsByRequests(log: readonly ScriptedCall[]): number {
  const isAttempt = ({ kind, position, tokens }: ScriptedCall): boolean =>
    kind === "read" && position === 0 && tokens === TRIAL_PROMPT.length;
  const attempts = new Set(log.filter(isAttempt).map(({ sequence }) => sequence));
  return log.filter(({ sequence }) => !attempts.has(sequence)).length;
}

export interface Rig extends AsyncDisposable {
  readonly url: string;
  readonly small: Breakable;
  readonly big: Breakable;
  /** Lines of the gateway's log. */
  readonly log: string[];
  readonly gateway: ServedGateway;
}

export interface RigOptions {
  readonly config?: Omit<GatewayConfigInput, "pair" | "port">;
  readonly apiKey?: string;
  /** Longest wait for the big model. */
  readonly bigTimeoutMs?: number;
  readonly bigAway?: Error;
  readonly smallAway?: Error;
  /** In place of the scripted small model. */
  readonly smallEngine?: Engine;
  readonly contextSize?: number;
}

export async function startRig(options: RigOptions = {}): Promise<Rig> {
  const contextSize = options.contextSize ?? 4096;
  const small = breakable("small", smallModel, contextSize);
  const big = breakable("big", bigModel, contextSize);
  small.model.away = options.smallAway;
  big.model.away = options.bigAway;
  const gateway = await serveGateway(
    {
      breaker: { failures: 2, resetMs: 60 },
      ...options.config,
      pair: {
        small: "scripted:small",
        big: "scripted:big",
        template: "chatml",
        openThinking: true,
        sampling: { temperature: 0 },
        options: { bigTimeoutMs: options.bigTimeoutMs ?? 10_000 },
      },
    },
    {
      apiKey: options.apiKey,
      open: (spec) => {
        if (spec !== "scripted:small") return big.open();
        return options.smallEngine ?? small.open();
      },
    },
  );
  return {
    url: gateway.url,
    small: small.model,
    big: big.model,
    log: gateway.log,
    gateway,
    [Symbol.asyncDispose]: () => gateway.close(0),
  };
}

/** The error of an HTTP engine whose server is away. */
export const gone = (model: string): EngineError =>
  new EngineError(`${model}: connect ECONNREFUSED 10.1.2.3:8000`, {
    code: "engine-unavailable",
    retryable: true,
  });

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body, where it is JSON. */
  readonly body: AnswerBody;
}

/** The fields that the tests read. */
interface AnswerBody {
  readonly error: { readonly message: string; readonly type: string; readonly code: string | null };
  readonly choices: readonly {
    readonly finish_reason: string;
    readonly message: { readonly content: string; readonly reasoning_content: string };
  }[];
  readonly usage: { readonly completion_tokens_details: Readonly<Record<string, number>> };
  readonly splitreason: { readonly degraded: string | null; readonly policy: string };
}

export const body = (more: object = {}): string =>
  JSON.stringify({ model: "splitreason", messages: [{ role: "user", content: "Is it so?" }], ...more });

export async function ask(url: string, more: object = {}, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: body(more),
    ...init,
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: (isJson ? JSON.parse(text) : {}) as AnswerBody,
  };
}

/** The texts of a whole answer. */
export function said({ body: { choices, splitreason } }: Answer): {
  reasoning: string | undefined;
  content: string | undefined;
  degraded: string | null | undefined;
} {
  const message = choices?.[0]?.message;
  return {
    reasoning: message?.reasoning_content,
    content: message?.content,
    degraded: splitreason?.degraded,
  };
}

/** A stream put together again. */
export function joined(text: string): {
  reasoning: string;
  content: string;
  degraded: string | null | undefined;
  error: StreamedChunk["error"];
  done: boolean;
} {
  const { chunks, done } = eventsIn(text);
  const deltas = chunks.flatMap(({ choices }) => (choices ?? []).map(({ delta }) => delta ?? {}));
  return {
    reasoning: deltas.map(({ reasoning_content: part }) => part ?? "").join(""),
    content: deltas.map(({ content: part }) => part ?? "").join(""),
    degraded: chunks.find(({ splitreason }) => splitreason?.degraded !== undefined)?.splitreason?.degraded,
    error: chunks.find(({ error }) => error !== undefined)?.error,
    done,
  };
}

/** A request on a socket of its own, read as slowly as the test likes. */
export function openRequest(
  url: string,
  more: object,
): Promise<{ response: IncomingMessage; leave: () => void }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      `${url}/v1/chat/completions`,
      { method: "POST", agent: false, headers: { "content-type": "application/json" } },
      (response) => {
        response.on("error", () => {});
        resolve({ response, leave: () => request.destroy() });
      },
    );
    request.on("error", reject);
    request.end(body(more));
  });
}

export const until = (condition: () => boolean, timeout = 30_000): Promise<void> =>
  vi.waitFor(() => expect(condition()).toBe(true), { timeout, interval: 5 });
