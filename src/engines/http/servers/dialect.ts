/**
 * The Dialect contract: the requests for a continuation, a warm-up, a probe and a scoring, and the meaning of the answers. A dialect
 * builds requests and reads documents; it neither sends nor waits.
 */
import type { StreamFormat } from "../transport/server-events.ts";
import type { Arrival, Prompt, StopToken } from "../tokens/http-tokenizer.ts";
import type { WireRequest } from "../transport/transport.ts";

export interface GenerationRequest {
  readonly prompt: Prompt;
  readonly maxTokens: number;
  /** Sampling temperature. 0 is greedy. */
  readonly temperature: number;
  /** Nucleus, in (0, 1]. */
  readonly topP: number;
  /** A number of 31 bits. */
  readonly seed: number;
  /** Nats added to logits, by the server's token id; `-Infinity` forbids. */
  readonly bias: ReadonlyMap<number, number>;
  /** Control tokens after which the server may stop: their texts, and their ids if known. */
  readonly stops: readonly StopToken[];
  readonly logprobs: boolean;
}

export type StreamEnd =
  | { readonly reason: "limit" | "context-full" }
  /** The model ended its turn. The token is named if the server names it. */
  | { readonly reason: "turn"; readonly id?: number; readonly logprob?: number }
  /** A requested stop, by id or by text, as the server names it. */
  | { readonly reason: "stop"; readonly id?: number; readonly marker?: string; readonly logprob?: number };

interface StreamStep {
  readonly arrivals: readonly Arrival[];
  readonly end?: StreamEnd;
}

/** Reads the documents of one stream in order. */
export type StreamReader = (document: unknown) => StreamStep;

export interface ProbeRequest {
  readonly prompts: readonly Prompt[];
  readonly watch: StopToken;
  /** The server's slot that holds the cache of the sequence, if known and free. */
  readonly slot: number | undefined;
}

export interface ProbeAnswer {
  /** The single most likely next token, at temperature 1 and without bias. */
  readonly likeliest: Arrival | undefined;
  /** log P(marker comes next) in nats; -Infinity if the server does not list it among the likeliest. */
  readonly watchLogprob: number;
}

export interface PositionScore {
  readonly likeliest: number | undefined;
  readonly watchLogprobs: readonly number[];
  readonly tokenLogprob?: number;
}

export interface ScoringRequest {
  readonly ids: readonly number[];
  /** Index of the first token that is scored. */
  readonly from: number;
  readonly watch: readonly number[];
  readonly tokenLogprobs: boolean;
}

/** Scoring of every position of a prompt in one request. */
export interface Scoring {
  request(request: ScoringRequest): WireRequest;
  read(document: unknown, request: ScoringRequest): readonly PositionScore[];
}

export interface Dialect {
  readonly format: StreamFormat;
  /** Whether the server can bias tokens by id. */
  readonly logitBias: boolean;
  /** Whether log-probabilities of drawn tokens are those at temperature 1 without bias, for any sampling settings. */
  readonly logprobs: boolean;
  /** Most prompts in one probe request. */
  readonly maxProbes: number;
  readonly scoring?: Scoring;
  generation(request: GenerationRequest): WireRequest;
  reader(request: GenerationRequest): StreamReader;
  /** Makes the server read the prompt into its prefix cache and decode as little as possible. */
  warmUp(prompt: Prompt): WireRequest;
  probe(request: ProbeRequest): WireRequest;
  readProbe(document: unknown, request: ProbeRequest): readonly ProbeAnswer[];
  /** Asks for the same continuation without streaming, with all ids: for a server that leaves some out of streams. */
  whole?(request: GenerationRequest): WireRequest;
  /** Reads the answer to {@link whole}. */
  readWhole?(document: unknown): readonly Arrival[];
  /** The server's slot of this sequence, if a document names it. */
  slotIn?(document: unknown): number | undefined;
}

/** A bias far beyond any difference of logits, yet within the bounds of servers (vLLM: 100). */
export const FORCING_BIAS = 100;

/** The bias in the form of OpenAI's `logit_bias`, within the bounds of servers. */
export function boundedBias(bias: ReadonlyMap<number, number>): Record<string, number> {
  return Object.fromEntries(
    [...bias].map(([id, nats]) => [String(id), Math.max(-FORCING_BIAS, Math.min(FORCING_BIAS, nats))]),
  );
}

export const wirePrompt = (prompt: Prompt): string | readonly number[] =>
  prompt.kind === "ids" ? prompt.ids : prompt.text;
