/** One client of the load test: asks, whole or as a stream, and puts together what came. */
import { eventsIn } from "../support/gateway/event-stream.ts";

export interface Answered {
  /** The model's text, thoughts included. */
  readonly text: string;
  /** Who wrote which part, neighbours of one author joined. */
  readonly parts: readonly Part[];
  readonly smallTokens: number;
  readonly bigTokens: number;
  readonly degraded: string | null;
  readonly finish: string;
  readonly id: string;
}

interface Part {
  readonly author: string;
  readonly text: string;
  readonly tokens: number;
}

export interface Asked {
  readonly model: string;
  readonly problem: string;
  readonly seed: number;
  readonly stream: boolean;
}

const MAX_TOKENS = 300;

interface Body {
  readonly id: string;
  readonly choices: readonly {
    readonly message?: { readonly content: string };
    readonly delta?: { readonly content?: string };
    readonly finish_reason: string | null;
  }[];
  readonly usage?: {
    readonly completion_tokens_details: { readonly small_tokens: number; readonly big_tokens: number };
  } | null;
  readonly splitreason?: {
    readonly degraded?: string | null;
    readonly segments?: readonly Part[];
    readonly author?: string;
    readonly tokens?: number;
  };
}

/** @throws Error for an answer that is not 200, that breaks off, or that is not one of the gateway's. */
export async function ask(url: string, { model, problem, seed, stream }: Asked): Promise<Answered> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model,
      messages: [{ role: "user", content: problem }],
      temperature: 0,
      seed,
      max_tokens: MAX_TOKENS,
      splitreason: { authors: true, reasoning: "inline" },
      ...(stream ? { stream, stream_options: { include_usage: true } } : {}),
    }),
  });
  const body = await response.text();
  if (response.status !== 200) throw new Error(`status ${response.status}: ${body}`);
  return stream ? streamed(body) : whole(JSON.parse(body) as Body);
}

function whole({ id, choices, usage, splitreason }: Body): Answered {
  const [choice] = choices;
  return answered(id, {
    text: choice?.message?.content,
    parts: splitreason?.segments,
    usage,
    degraded: splitreason?.degraded,
    finish: choice?.finish_reason,
  });
}

function streamed(body: string): Answered {
  const { chunks, done } = eventsIn(body);
  const ids = new Set(chunks.map(({ id }) => id));
  if (!done || ids.size !== 1)
    throw new Error(`${done ? "an" : "no"} end and ${ids.size} ids in one stream: ${body.slice(-500)}`);
  const deltas = chunks.map(({ choices, splitreason }) => ({
    text: choices[0]?.delta?.content ?? "",
    author: splitreason?.author,
    tokens: splitreason?.tokens ?? 0,
  }));
  const last = chunks.find(({ choices }) => typeof choices[0]?.finish_reason === "string");
  return answered([...ids][0] ?? "", {
    text: deltas.map(({ text }) => text).join(""),
    parts: deltas.flatMap(({ author, ...rest }) => (author === undefined ? [] : [{ author, ...rest }])),
    usage: chunks.find(({ usage }) => usage !== undefined && usage !== null)?.usage,
    degraded: last?.splitreason?.degraded,
    finish: last?.choices[0]?.finish_reason,
  });
}

function answered(
  id: string,
  {
    text,
    parts,
    usage,
    degraded,
    finish,
  }: {
    readonly text: string | undefined;
    readonly parts: readonly Part[] | undefined;
    readonly usage: Body["usage"];
    readonly degraded: string | null | undefined;
    readonly finish: string | null | undefined;
  },
): Answered {
  const isWhole = text !== undefined && parts !== undefined && usage !== undefined && usage !== null;
  if (!isWhole || degraded === undefined || finish === undefined || finish === null) {
    throw new Error(`the answer ${id} lacks a part of it`);
  }
  const { small_tokens: smallTokens, big_tokens: bigTokens } = usage.completion_tokens_details;
  return { id, text, parts: joinNeighbours(parts), smallTokens, bigTokens, degraded, finish };
}

function joinNeighbours(parts: readonly Part[]): Part[] {
  const joined: Part[] = [];
  for (const { author, text, tokens } of parts) {
    const last = joined.at(-1);
    if (last?.author === author) {
      joined[joined.length - 1] = { author, text: last.text + text, tokens: last.tokens + tokens };
    } else joined.push({ author, text, tokens });
  }
  return joined;
}
