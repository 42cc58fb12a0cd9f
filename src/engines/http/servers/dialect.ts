/**
 * What differs between servers: how a continuation, a warm-up, a probe and a scoring are asked for, and how the answers read. A
 * dialect builds requests and reads documents; it neither sends nor waits.
 */
import type { StreamFormat } from "../transport/server-events.ts";
import type { Arrival, Prompt, StopToken } from "../tokens/http-tokenizer.ts";
import type { WireRequest } from "../transport/transport.ts";

export interface GenerationRequest {
  readonly prompt: Prompt;
  readonly maxTokens: number;
  /** 0 is greedy. */
  readonly temperature: number;
  /** In (0, 1]. */
  readonly topP: number;
  /** 31 bits. */
  readonly seed: number;
  /** Nats by the server's token id; `-Infinity` forbids. */
  readonly bias: ReadonlyMap<number, number>;
  /** Control tokens after which the server need not go on: by id where known, and their texts. */
  readonly stops: readonly StopToken[];
  readonly logprobs: boolean;
}

export type StreamEnd =
  | { readonly reason: "limit" | "context-full" }
  /** The model ended its turn; the token is named where the server says so. */
  | { readonly reason: "turn"; readonly id?: number; readonly logprob?: number }
  /** A stop that was asked for; by id or by text, as the server names it. */
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
  /** A server that a sequence's cache lies with may have a place for it. */
  readonly slot: number | undefined;
}

export interface ProbeAnswer {
  /** The single most likely next token, at temperature 1 and without bias. */
  readonly likeliest: Arrival | undefined;
  /** Nats; -Infinity where the server does not list it among the likeliest. */
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

/** Scores at every position of the prompt. */
export interface Scoring {
  request(request: ScoringRequest): WireRequest;
  read(document: unknown, request: ScoringRequest): readonly PositionScore[];
}

export interface Dialect {
  readonly format: StreamFormat;
  /** Whether the server biases tokens by id. */
  readonly logitBias: boolean;
  /** Whether log-probabilities of drawn tokens are those at temperature 1 and without bias, whatever the sampling. */
  readonly logprobs: boolean;
  /** Prompts that one probe request may hold. */
  readonly mostProbes: number;
  readonly scoring?: Scoring;
  generation(request: GenerationRequest): WireRequest;
  reader(request: GenerationRequest): StreamReader;
  /** Reads the prompt into the prefix cache and decodes as little as the server allows. */
  warmUp(prompt: Prompt): WireRequest;
  probe(request: ProbeRequest): WireRequest;
  readProbe(document: unknown, request: ProbeRequest): readonly ProbeAnswer[];
  /** The same continuation at once and not as a stream, with ids of all its tokens: for a server that leaves some out of streams. */
  whole?(request: GenerationRequest): WireRequest;
  /** What {@link whole} answered. */
  readWhole?(document: unknown): readonly Arrival[];
  /** The server's own place for this sequence, where a document of its names one. */
  slotIn?(document: unknown): number | undefined;
}

/** Far beyond any difference of logits, and within what servers take (vLLM: 100). */
export const FORCING_BIAS = 100;

/** The bias as servers write it: an object from id to a number that is within their bounds. */
export function boundedBias(bias: ReadonlyMap<number, number>): Record<string, number> {
  return Object.fromEntries(
    [...bias].map(([id, nats]) => [String(id), Math.max(-FORCING_BIAS, Math.min(FORCING_BIAS, nats))]),
  );
}

export const wirePrompt = (prompt: Prompt): string | readonly number[] =>
  prompt.kind === "ids" ? prompt.ids : prompt.text;
