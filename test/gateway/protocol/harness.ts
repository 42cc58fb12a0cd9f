/** A gateway over any two engines, and over the shipped pair, asked without a socket or through one. */
import {
  AccessLog,
  Admission,
  createGateway,
  GatewayMetrics,
  parseGatewayConfig,
} from "../../../src/gateway/index.ts";
import type { GatewayConfigInput, GatewayOptions } from "../../../src/gateway/index.ts";
import { Pair } from "../../../src/decode/pair/pair.ts";
import { MICRO_PAIR, type PairConfig, pairConfigSchema } from "../../../src/decode/pair/pair-config.ts";
import type { Engine } from "../../../src/engines/engine.ts";
import { eventsIn, type StreamedChunk, type WireUsage } from "../../support/gateway/event-stream.ts";

export interface TestGateway {
  readonly app: ReturnType<typeof createGateway>;
  readonly admission: Admission;
  readonly metrics: GatewayMetrics;
  /** Lines of the log, parsed. */
  readonly log: Record<string, unknown>[];
  readonly post: (path: string, body: unknown, init?: RequestInit) => Promise<Response>;
}

export function gatewayOver(
  pair: Pair,
  config: GatewayConfigInput = {},
  more: Partial<GatewayOptions> = {},
): TestGateway {
  const parsed = parseGatewayConfig(config, "the test's configuration");
  const admission = new Admission(parsed.limits);
  const metrics = new GatewayMetrics();
  const log: Record<string, unknown>[] = [];
  const access = new AccessLog({
    logPrompts: parsed.logPrompts,
    write: (line) => log.push(JSON.parse(line) as Record<string, unknown>),
  });
  const app = createGateway({ pair, config: parsed, admission, metrics, log: access, site: null, ...more });
  const post = async (path: string, body: unknown, init: RequestInit = {}): Promise<Response> =>
    app.request(path, {
      method: "POST",
      body: typeof body === "string" ? body : JSON.stringify(body),
      ...init,
      headers: {
        "content-type": "application/json",
        ...(init.headers as Record<string, string> | undefined),
      },
    });
  return { app, admission, metrics, log, post };
}

export function pairOver(
  engines: { readonly small: Engine; readonly big?: Engine },
  config: Partial<PairConfig> = {},
): Pair {
  return new Pair(
    pairConfigSchema.parse({ small: "s", big: "b", template: "chatml", openThinking: true, ...config }),
    engines,
  );
}

export async function openMicro(sequences = 4): Promise<Pair> {
  return Pair.open(MICRO_PAIR, { threads: 1, sequences });
}

export interface Answer {
  readonly id: string;
  readonly object: string;
  readonly model: string;
  readonly choices: readonly {
    readonly index: number;
    readonly text?: string;
    readonly message?: {
      readonly role: string;
      readonly content: string;
      readonly reasoning_content?: string;
    };
    readonly finish_reason: string;
    readonly splitreason?: Record<string, unknown>;
  }[];
  readonly usage: WireUsage;
  readonly splitreason: Record<string, unknown> & {
    readonly segments?: readonly {
      readonly author: string;
      readonly text: string;
      readonly tokens: number;
    }[];
  };
}

export async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  if (response.status !== 200) throw new Error(`status ${response.status}: ${text}`);
  return JSON.parse(text) as Answer;
}

export async function errorOf(response: Response): Promise<{
  readonly status: number;
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;
}> {
  const body = (await response.json()) as {
    readonly error: { message: string; type: string; param: string | null; code: string | null };
  };
  return { status: response.status, ...body.error };
}

export interface Streamed {
  readonly chunks: readonly StreamedChunk[];
  readonly done: boolean;
  readonly reasoning: string;
  readonly content: string;
  readonly finish: string | null | undefined;
  readonly report: StreamedChunk["splitreason"];
  readonly usage: WireUsage | undefined;
}

export async function streamOf(response: Response, choice = 0): Promise<Streamed> {
  const text = await response.text();
  if (response.status !== 200) throw new Error(`status ${response.status}: ${text}`);
  const { chunks, done } = eventsIn(text);
  const mine = chunks.filter(({ choices }) => choices?.some(({ index }) => index === choice));
  const parts = mine.flatMap(({ choices }) => choices);
  return {
    chunks,
    done,
    reasoning: parts.map(({ delta }) => delta?.reasoning_content ?? "").join(""),
    content: parts.map(({ delta, text: part }) => delta?.content ?? part ?? "").join(""),
    finish: parts.find(({ finish_reason: finish }) => finish !== null)?.finish_reason,
    report: mine.at(-1)?.splitreason,
    usage: chunks.find(({ usage }) => usage !== undefined && usage !== null)?.usage ?? undefined,
  };
}
