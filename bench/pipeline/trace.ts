/** The scripted trace: who writes how much, and the two models that write just that. */
import { dirname } from "node:path";

import { tokenId, type TokenId } from "../../src/core/ids.ts";
import { controlPiece, textPiece, type Piece } from "../../src/core/piece.ts";
import type { ScriptedModel } from "../../src/engines/scripted/index.ts";
import type { EngineTokenizer } from "../../src/engines/token-backend.ts";
import { OFFLOAD_TAGS, THINK_TAGS } from "../../src/tags/grammar.ts";
import { loadTokenizer } from "../../src/tokenizer/index.ts";

/** The vocabulary of the shipped pair: what counts is that both sides have the same. */
export const TOKENIZER_FILE = "models/micro/small/tokenizer.json";

export const TRACE = {
  promptTokens: 100,
  /** Both authors together. */
  tokens: 4000,
  spans: 10,
  /** Tokens of the big model in each span, 5% in all. */
  spanTokens: 20,
  /** Tokens of the small model before each span. */
  smallTokens: 380,
} as const;
export const SMALL_TOKENS = TRACE.spans * TRACE.smallTokens;
export const BIG_TOKENS = TRACE.spans * TRACE.spanTokens;

export async function readTokenizer(): Promise<EngineTokenizer> {
  const { tokenizer } = await loadTokenizer(dirname(TOKENIZER_FILE));
  return Object.assign(tokenizer, { endsTurn: (id: TokenId) => id === tokenizer.endOfTurn });
}

/** Different for each run, from the first token on: no run finds another's context in a cache. */
export function promptOf(tokenizer: EngineTokenizer, run: number): readonly Piece[] {
  const start = tokenizer.encode([textPiece(`${run % 10}${Math.floor(run / 10)} `)]);
  const filler = tokenizer.encode([textPiece("p".repeat(TRACE.promptTokens))]);
  const ids = [...start, ...filler].slice(0, TRACE.promptTokens - 1);
  return [
    { text: tokenizer.decode(ids), tokens: { vocabulary: tokenizer.vocabulary, ids } },
    controlPiece(THINK_TAGS.open),
  ];
}

export interface TagIds {
  readonly open: TokenId;
  readonly close: TokenId;
  readonly think: TokenId;
}

export function tagIds(tokenizer: EngineTokenizer): TagIds {
  const id = (marker: string): TokenId => {
    const found = tokenizer.controlId(marker);
    if (found === undefined) throw new Error(`${TOKENIZER_FILE} has no token ${marker}`);
    return found;
  };
  return { open: id(OFFLOAD_TAGS.open), close: id(OFFLOAD_TAGS.close), think: id(THINK_TAGS.open) };
}

/** Asks for help after {@link TRACE.smallTokens} of its own, and takes the pen back after {@link TRACE.spanTokens} of the other's. */
export function smallScript(tokenizer: EngineTokenizer): ScriptedModel {
  const tags = tagIds(tokenizer);
  const [own, other] = [oneToken(tokenizer, "s"), oneToken(tokenizer, "b")];
  return ({ ids }) => {
    let since = 0;
    while (since < ids.length && !isTag(tags, ids[ids.length - 1 - since])) since++;
    const isSpan = ids[ids.length - 1 - since] === tags.open;
    const isOver = since === (isSpan ? TRACE.spanTokens : TRACE.smallTokens);
    if (isSpan) return certain(tokenizer, isOver ? tags.close : other);
    return certain(tokenizer, isOver ? tags.open : own);
  };
}

/** Never ends by itself. */
export function bigScript(tokenizer: EngineTokenizer): ScriptedModel {
  const own = oneToken(tokenizer, "b");
  return () => certain(tokenizer, own);
}

const isTag = ({ open, close, think }: TagIds, id: TokenId | undefined): boolean =>
  id === open || id === close || id === think;

function oneToken(tokenizer: EngineTokenizer, text: string): TokenId {
  const [id] = tokenizer.encode([textPiece(text)]);
  if (id === undefined) throw new Error(`the vocabulary has no token for ${text}`);
  return id;
}

function certain(tokenizer: EngineTokenizer, id: TokenId): Float64Array {
  const logits = new Float64Array(tokenizer.size).fill(-30);
  logits[id] = 0;
  return logits;
}

/** Checks the authors of a trace: no arm may win by writing something else. */
export function checkTrace(authors: readonly ("small" | "big")[]): void {
  for (const [index, author] of authors.entries()) {
    const within = index % (TRACE.smallTokens + TRACE.spanTokens);
    const expected = within < TRACE.smallTokens ? "small" : "big";
    if (author !== expected) throw new Error(`token ${index} was written by the ${author} model`);
  }
  if (authors.length !== TRACE.tokens) throw new Error(`the trace has ${authors.length} tokens`);
}

export const toIds = (values: readonly number[]): TokenId[] => values.map(tokenId);
