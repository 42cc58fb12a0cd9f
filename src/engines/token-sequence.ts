/** The Sequence of the Engine contract for models on token ids. Each kind of model brings its own {@link TokenBackend}. */
import type { TokenId } from "../core/ids.ts";
import type { Piece } from "../core/piece.ts";
import { usageError } from "./cancellation.ts";
import type {
  AppendOutcome,
  ContextFull,
  GenerateEvent,
  GenerateOptions,
  ScoreEntry,
  ScoreOptions,
  ScoreOutcome,
  Sequence,
  SequenceWork,
} from "./engine.ts";
import type { TokenScore } from "./token-backend.ts";
import { generateTokens, incompleteEndOf } from "./token-generation.ts";
import { TokenState, type TokenStateOptions } from "./token-state.ts";
import { Utf8Stream } from "./utf8-stream.ts";

export interface TokenSequenceOptions extends TokenStateOptions {
  /** Makes the sequence that {@link Sequence.fork} returns. Rejects if there is no room for it. */
  readonly fork: (ids: readonly TokenId[], parent: TokenState) => Promise<Sequence>;
  /** Called once, after the sequence was closed and its backend freed. */
  readonly onClose: (sequence: Sequence) => void;
}

export class TokenSequence implements Sequence {
  readonly #state: TokenState;
  readonly #options: TokenSequenceOptions;
  #closing: Promise<void> | undefined;

  constructor(options: TokenSequenceOptions) {
    this.#options = options;
    this.#state = new TokenState(options);
  }

  get position(): number {
    return this.#state.visible;
  }

  get work(): SequenceWork {
    const { prefilled, scored, decoded, calls, sent } = this.#state;
    return { prefilled, scored, decoded, calls, ...(sent === undefined ? {} : { sent }) };
  }

  append(pieces: readonly Piece[], signal?: AbortSignal): Promise<AppendOutcome> {
    const state = this.#state;
    return state.exclusive(signal, async () => {
      state.supersede();
      await state.tokenizer.prepare?.(pieces, signal);
      const ids = state.tokenizer.encode(pieces);
      const full = this.#fullBy(ids.length);
      if (full !== undefined) return full;
      await state.align();
      const all = [...state.ids, ...ids];
      // The last token is read together with the draw that needs it, so that generating costs no extra call.
      const unread = all.slice(state.backend.length, -1);
      if (unread.length > 0) await state.backend.read(unread, signal);
      this.#accept(ids);
      state.prefilled += ids.length;
      return { status: "ok", position: state.visible, tokens: state.reportsIds ? ids : [] };
    });
  }

  generate(options: GenerateOptions, signal?: AbortSignal): AsyncIterable<GenerateEvent> {
    return generateTokens(this.#state, options, signal);
  }

  score(pieces: readonly Piece[], options: ScoreOptions, signal?: AbortSignal): Promise<ScoreOutcome> {
    const state = this.#state;
    const watch = options.watch.map(
      (marker) => state.tokenizer.controlId(marker) ?? this.#notWatchable(marker),
    );
    return state.exclusive(signal, async () => {
      state.supersede();
      await state.tokenizer.prepare?.(pieces, signal);
      const ids = state.tokenizer.encode(pieces);
      const full = this.#fullBy(ids.length);
      if (full !== undefined) return full;
      const from = state.visible;
      if (ids.length === 0) return { status: "ok", position: from, entries: [] };
      const tokenLogprobs = options.tokenLogprobs === true;
      if (tokenLogprobs && from > 0) await state.alignForNext();
      else await state.align();
      const scores = await state.backend.score(
        [...state.ids, ...ids],
        from,
        { watch, tokenLogprobs },
        signal,
      );
      const entries = this.#entriesOf(pieces, ids, scores, watch);
      this.#accept(ids);
      state.scored += ids.length;
      return { status: "ok", position: state.visible, entries };
    });
  }

  truncate(position: number): Promise<void> {
    const state = this.#state;
    return state.exclusive(undefined, async () => {
      if (!Number.isInteger(position) || position < 0 || position > state.visible) {
        throw usageError(state.model, `cannot truncate ${state.visible} tokens to ${position}.`);
      }
      state.supersede();
      state.visible = position;
      state.dropHeld();
      await state.align();
    });
  }

  fork(): Promise<Sequence> {
    const state = this.#state;
    return state.exclusive(undefined, async () => {
      // Tokens that a suspended generation holds back do not belong to the sequence, and stay out of the copy.
      return this.#options.fork(state.ids.slice(0, state.visible), state);
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const state = this.#state;
    await state.shut();
    await state.backend.close();
    this.#options.onClose(this);
  }

  #accept(ids: readonly TokenId[]): void {
    for (const id of ids) this.#state.ids.push(id);
    this.#state.visible = this.#state.ids.length;
  }

  #fullBy(count: number): ContextFull | undefined {
    const { visible, capacity } = this.#state;
    const required = visible + count;
    return required > capacity
      ? { status: "context-full", position: visible, required, capacity }
      : undefined;
  }

  #entriesOf(
    pieces: readonly Piece[],
    ids: readonly TokenId[],
    scores: readonly (TokenScore | undefined)[],
    watch: readonly TokenId[],
  ): ScoreEntry[] {
    const state = this.#state;
    // Ids may continue a code point that the tokens before them began. A text never does.
    const goesOn = pieces[0]?.tokens?.vocabulary === state.tokenizer.vocabulary;
    const utf8 = new Utf8Stream(goesOn ? incompleteEndOf(state, state.ids) : undefined);
    const entries: ScoreEntry[] = [];
    // The text and number of tokens since the last entry: a backend that probes does not score each token.
    let text = "";
    let covered = 0;
    for (const [index, id] of ids.entries()) {
      const score = scores[index];
      text += utf8.push(state.tokenizer.bytes(id));
      covered++;
      if (score === undefined) continue;
      entries.push({
        position: state.visible + index + 1,
        ...(covered === 1 && state.reportsIds ? { id } : {}),
        text,
        ...(score.tokenLogprob === undefined ? {} : { tokenLogprob: score.tokenLogprob }),
        watchLogprobs: score.watchLogprobs,
        watchArgmax: watch.indexOf(score.argmax),
      });
      text = "";
      covered = 0;
    }
    return entries;
  }

  #notWatchable(marker: string): never {
    throw usageError(
      this.#state.model,
      `${JSON.stringify(marker)} is not one control token of the vocabulary; only those can be watched.`,
    );
  }
}
