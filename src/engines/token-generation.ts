/** Decoding on token ids: draws one token at a time, and applies stop markers, forbidden texts and limits. */
import type { TokenId } from "../core/ids.ts";
import { textPiece } from "../core/piece.ts";
import { abortedError, closedError, usageError } from "./cancellation.ts";
import type { Drafter, GenerateEnd, GenerateEvent, GenerateOptions, TokenDelta } from "./engine.ts";
import { HeldTokens, type HeldToken, type StopMatch } from "./held-tokens.ts";
import type { Drawer, DrawnToken } from "./token-backend.ts";
import type { TokenState } from "./token-state.ts";
import { incompleteEnd, Utf8Stream } from "./utf8-stream.ts";

interface Plan {
  /** Stop markers that are single tokens, by id. */
  readonly stopIds: ReadonlyMap<TokenId, string>;
  readonly stopTexts: readonly string[];
  readonly stops: ReadonlySet<TokenId>;
  readonly bias: ReadonlyMap<TokenId, number>;
  /** Markers of several tokens that must not be generated. */
  readonly forbiddenTexts: readonly string[];
}

interface Held extends HeldToken {
  readonly drawn: DrawnToken;
}

/**
 * Yields tokens and exactly one end. A token belongs to the sequence from the moment it is yielded. Leaving the loop, or a failure,
 * drops what was drawn and not yielded.
 * @throws EngineError `aborted`, `engine-closed` or `engine-failed`; `usage` if the vocabulary does not allow the options, the
 * sequence is empty, or another call changed it in the meantime.
 */
export async function* generateTokens(
  state: TokenState,
  options: GenerateOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<GenerateEvent, void, undefined> {
  const plan = planGeneration(state, options);
  state.check(signal);
  state.supersede();
  const self = {};
  state.generation = self;
  const held = new HeldTokens<Held>(plan.stopTexts);
  const holds = plan.stopTexts.length > 0;
  const text = new TextOfTokens(state, plan.forbiddenTexts);
  let drawer: Drawer | undefined;
  let yielded = 0;
  try {
    for (;;) {
      if (state.generation !== self) throw changedError(state);
      let end: GenerateEnd | undefined;
      let released: readonly Held[] = [];
      let match: StopMatch<Held> | undefined;
      if (yielded + held.count >= options.maxTokens) end = { type: "end", reason: "limit" };
      else if (state.ids.length >= state.capacity) end = { type: "end", reason: "context-full" };
      else {
        drawer ??= state.backend.drawer(
          {
            sampling: options.sampling,
            bias: plan.bias,
            logprob: options.logprobs === true,
            entropy: options.entropy === true,
            maxTokens: Math.min(options.maxTokens - yielded - held.count, state.capacity - state.ids.length),
            stops: plan.stops,
            ...(options.drafter === undefined ? {} : { drafter: countedDrafter(state, options.drafter) }),
          },
          signal,
        );
        const token = await drawNext(state, drawer, text, signal);
        if (state.generation !== self) throw changedError(state);
        end = token === undefined ? { type: "end", reason: "context-full" } : endBy(state, plan, token.drawn);
        if (end === undefined && token !== undefined) {
          state.ids.push(token.drawn.id);
          if (holds) ({ released, match } = held.push(token));
          else released = [token];
        }
      }
      if (end !== undefined) released = held.flush();
      for (const token of released) {
        yielded++;
        state.visible++;
        yield deltaOf(token, state.reportsIds);
        if (state.generation !== self) throw changedError(state);
      }
      if (match !== undefined) {
        yield* rewrittenPrefix(state, match.prefix, signal);
        end = {
          type: "end",
          reason: "stop",
          marker: match.marker,
          ...(match.logprob === undefined ? {} : { logprob: match.logprob }),
        };
      }
      if (end !== undefined) {
        state.dropHeld();
        yield end;
        return;
      }
    }
  } finally {
    if (state.generation === self) state.supersede();
    await drawer?.end();
  }
}

/** Counts the drafted tokens that were read in vain. The others are read in place of the model's own. */
function countedDrafter(state: TokenState, drafter: Drafter): Drafter {
  return {
    draft: (ids, most) => drafter.draft(ids, most),
    verified: (drafted, accepted) => {
      state.scored += drafted - accepted;
      drafter.verified(drafted, accepted);
    },
  };
}

function changedError(state: TokenState): Error {
  return state.closed
    ? closedError(state.model, "sequence")
    : usageError(state.model, "the sequence was changed by another call while it generated.");
}

function planGeneration(state: TokenState, options: GenerateOptions): Plan {
  const { tokenizer, model } = state;
  if (!(options.maxTokens >= 0)) throw usageError(model, `maxTokens is ${options.maxTokens}.`);
  if (!(options.sampling.temperature >= 0)) {
    throw usageError(model, `the temperature is ${options.sampling.temperature}; 0 or more is possible.`);
  }
  const { topP } = options.sampling;
  if (topP !== undefined && !(topP > 0 && topP <= 1))
    throw usageError(model, `topP is ${topP}; it must be in (0, 1].`);
  if (options.maxTokens > 0 && state.visible === 0) {
    throw usageError(model, "nothing was appended: there is no text to continue.");
  }
  if (options.drafter !== undefined && state.backend.drafts !== true)
    throw usageError(model, "this engine cannot read another model's drafts.");
  const stopIds = new Map<TokenId, string>();
  const stopTexts: string[] = [];
  for (const marker of options.stop ?? []) {
    const id = tokenizer.controlId(marker);
    if (id === undefined) stopTexts.push(marker);
    else stopIds.set(id, marker);
  }
  const bias = new Map<TokenId, number>();
  const forbiddenTexts: string[] = [];
  for (const { marker, nats } of options.bias ?? []) {
    const id = tokenizer.controlId(marker);
    if (Number.isNaN(nats)) throw usageError(model, `the bias of ${JSON.stringify(marker)} is not a number.`);
    if (id !== undefined) bias.set(id, (bias.get(id) ?? 0) + nats);
    else if (nats === -Infinity) forbiddenTexts.push(marker);
    else if (nats !== 0) {
      throw usageError(
        model,
        `a bias of ${nats} on ${JSON.stringify(marker)} needs a vocabulary in which it is one control token.`,
      );
    }
  }
  return { stopIds, stopTexts, stops: new Set(stopIds.keys()), bias, forbiddenTexts };
}

/** The end that a token brings, if any. A token that is both a stop marker and the end of the turn counts as the marker. */
function endBy(state: TokenState, plan: Plan, drawn: DrawnToken): GenerateEnd | undefined {
  const logprob = drawn.logprob === undefined ? {} : { logprob: drawn.logprob };
  const marker = plan.stopIds.get(drawn.id);
  if (marker !== undefined) return { type: "end", reason: "stop", marker, ...logprob };
  return state.tokenizer.endsTurn(drawn.id)
    ? { type: "end", reason: "end-of-turn", id: drawn.id, ...logprob }
    : undefined;
}

async function drawNext(
  state: TokenState,
  drawer: Drawer,
  text: TextOfTokens,
  signal: AbortSignal | undefined,
): Promise<Held | undefined> {
  const drawn = await state.exclusive(signal, async () => {
    if (state.backend.length >= state.ids.length) await state.alignForNext();
    let forbidden: Set<TokenId> | undefined;
    for (;;) {
      const token = await drawer.draw(state.ids, forbidden);
      if (token === undefined) return undefined;
      state.decoded++;
      if (!text.wouldForbid(token.id)) return token;
      forbidden ??= new Set();
      forbidden.add(token.id);
    }
  });
  // Aborted while it was drawn: the token does not become part of the sequence.
  if (signal?.aborted === true) throw abortedError(state.model, signal);
  if (drawn === undefined) return undefined;
  return { drawn, ...text.push(drawn.id), logprob: drawn.logprob };
}

function deltaOf({ drawn, text }: Held, reportsIds: boolean): TokenDelta {
  return {
    type: "token",
    text,
    ...(reportsIds ? { id: drawn.id } : {}),
    ...(drawn.logprob === undefined ? {} : { logprob: drawn.logprob }),
    ...(drawn.entropy === undefined ? {} : { entropy: drawn.entropy }),
  };
}

/** Writes text that shared a token with the stop text after it again, in separate tokens. */
async function* rewrittenPrefix(
  state: TokenState,
  prefix: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<TokenDelta, void, undefined> {
  state.dropHeld();
  if (prefix === "") return;
  await state.tokenizer.prepare?.([textPiece(prefix)], signal);
  const utf8 = new Utf8Stream();
  for (const id of state.tokenizer.encode([textPiece(prefix)])) {
    state.ids.push(id);
    state.visible++;
    state.prefilled++;
    const text = utf8.push(state.tokenizer.bytes(id));
    yield { type: "token", text, ...(state.reportsIds ? { id } : {}) };
  }
}

/** Follows the text of the sequence: completes code points, and detects forbidden texts before they are complete. */
class TextOfTokens {
  readonly #state: TokenState;
  readonly #forbidden: readonly string[];
  readonly #utf8: Utf8Stream;
  #recent = "";

  constructor(state: TokenState, forbidden: readonly string[]) {
    this.#state = state;
    this.#forbidden = forbidden;
    this.#utf8 = new Utf8Stream(incompleteEndOf(state, state.ids));
    const reach = Math.max(0, ...forbidden.map((text) => text.length));
    if (reach > 0) this.#recent = state.tokenizer.decode(state.ids.slice(-reach));
  }

  wouldForbid(id: TokenId): boolean {
    if (this.#forbidden.length === 0) return false;
    const text = this.#recent + this.#utf8.clone().push(this.#state.tokenizer.bytes(id));
    return this.#forbidden.some((forbidden) =>
      text.includes(forbidden, this.#recent.length - forbidden.length + 1),
    );
  }

  push(id: TokenId): { readonly text: string; readonly isOpen: boolean } {
    const text = this.#utf8.push(this.#state.tokenizer.bytes(id));
    if (this.#forbidden.length > 0) this.#recent += text;
    return { text, isOpen: this.#utf8.isWaiting };
  }
}

/** The incomplete code point at the end of `ids`, if there is one. */
export function incompleteEndOf(state: TokenState, ids: readonly TokenId[]): Uint8Array {
  return incompleteEnd(Buffer.concat(ids.slice(-3).map((id) => state.tokenizer.bytes(id))));
}
