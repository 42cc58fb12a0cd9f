/**
 * A whole Engine in a few lines, for tests of the decoder. The logits are a hash of *every* earlier token. One wrong, missing or repeated
 * token in a context therefore changes everything after it. The engine is strict: it throws on two calls at once into one sequence, on
 * use after close, and on ids out of range. It can be slow, fail on cue, and it counts what is open and what runs.
 */
import { setImmediate as nextTurn } from "node:timers/promises";

import { EngineError } from "../../src/core/errors.ts";
import { type TokenId, type VocabularyId, modelId, tokenId, vocabularyId } from "../../src/core/ids.ts";
import type { Piece } from "../../src/core/piece.ts";
import { createRng, hash32 } from "../../src/core/rng.ts";
import type {
  AppendOutcome,
  Engine,
  EngineCapabilities,
  GenerateEvent,
  GenerateOptions,
  OpenOptions,
  ScoreEntry,
  ScoreOptions,
  ScoreOutcome,
  Sequence,
} from "../../src/engines/engine.ts";

export const END_OF_TURN = "<end>";

export interface ToyVocabulary {
  readonly id: VocabularyId;
  /** Bytes of each token; a token may hold part of a code point. */
  readonly tokens: readonly Uint8Array[];
  readonly controls: ReadonlyMap<string, number>;
}

/** `words` are the tokens of plain text; single characters that they miss cannot be written. */
export function toyVocabulary(
  words: readonly (string | Uint8Array)[],
  controls: readonly string[],
): ToyVocabulary {
  const all = [...words, ...controls, END_OF_TURN];
  const tokens = all.map((word) => (typeof word === "string" ? Buffer.from(word) : word));
  const marks = [...controls, END_OF_TURN].map((marker, index) => [marker, words.length + index] as const);
  return {
    id: vocabularyId(`toy-${hash32(JSON.stringify(all.map(String)))}`),
    tokens,
    controls: new Map(marks),
  };
}

export interface ToyOptions {
  readonly name: string;
  readonly seed: number;
  readonly vocabulary: ToyVocabulary;
  /** Added to a marker's logit always: makes tags and ends frequent. */
  readonly boosts?: Readonly<Record<string, number>>;
  readonly contextSize?: number;
  readonly scores?: EngineCapabilities["scores"];
  readonly prefill?: boolean;
  readonly tokenIds?: boolean;
  readonly logitBias?: boolean;
  /** Turns of the event loop that a call takes, drawn for each call. Default 0 to 2. */
  readonly slowness?: number;
  /** Throws instead of doing the n-th thing of this kind (counted from 0 over the engine's life). */
  readonly fail?: Partial<Record<ToyWork, number>>;
  /** Never answers the n-th decode step, unless the signal ends it. */
  readonly hangAtDecode?: number;
  readonly retryable?: boolean;
}

export type ToyWork = "open" | "append" | "decode" | "score";

/** Scale of the logits: how decided the model is. */
const SCALE = 2.5;

export class ToyEngine implements Engine {
  readonly model;
  readonly vocabulary: VocabularyId;
  readonly capabilities: EngineCapabilities;
  readonly options: ToyOptions;
  openSequences = 0;
  running = 0;
  readonly done: Record<ToyWork, number> = { open: 0, append: 0, decode: 0, score: 0 };
  readonly #pace;

  constructor(options: ToyOptions) {
    this.options = options;
    this.model = modelId(options.name);
    this.vocabulary = options.vocabulary.id;
    this.capabilities = {
      scores: options.scores ?? "every-position",
      prefill: options.prefill ?? true,
      tokenIds: options.tokenIds ?? true,
      logitBias: options.logitBias ?? true,
      isControlToken: (marker) => options.vocabulary.controls.has(marker),
      contextSize: options.contextSize ?? 100_000,
    };
    this.#pace = createRng(options.seed).fork("pace");
  }

  async open(_options?: OpenOptions, signal?: AbortSignal): Promise<Sequence> {
    await this.work("open", signal);
    this.openSequences++;
    return new ToySequence(this);
  }

  async countTokens(pieces: readonly Piece[]): Promise<number> {
    return this.encode(pieces).length;
  }

  async close(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}

  /** log P(marker or token comes next), in any state. */
  async nextLogprob(sequence: Sequence, next: string | TokenId | undefined): Promise<number> {
    if (!(sequence instanceof ToySequence)) throw new TypeError("not a sequence of this engine");
    const id = typeof next === "string" ? this.options.vocabulary.controls.get(next) : next;
    if (id === undefined) throw new RangeError("no such token");
    return sequence.nextLogprobs()[id] as number;
  }

  /** Takes its time, and fails when it is due. */
  async work(kind: ToyWork, signal?: AbortSignal): Promise<void> {
    const index = this.done[kind]++;
    this.running++;
    try {
      signal?.throwIfAborted();
      if (kind === "decode" && index === this.options.hangAtDecode) await aborted(signal);
      for (let turn = this.#pace.integer(0, this.options.slowness ?? 2); turn > 0; turn--) await nextTurn();
      if (index === this.options.fail?.[kind]) {
        throw new EngineError(`${this.model}: ${kind} ${index} fails on cue`, {
          code: "engine-failed",
          retryable: this.options.retryable ?? false,
        });
      }
      signal?.throwIfAborted();
    } finally {
      this.running--;
    }
  }

  /** Neighbouring plain texts are joined, cut into words, and each word into the longest tokens. */
  encode(pieces: readonly Piece[]): number[] {
    const { controls } = this.options.vocabulary;
    const ids: number[] = [];
    let text = "";
    const flush = (): void => {
      for (const word of text.match(/ ?\S+|\s+(?!\S)|\s+/gu) ?? []) ids.push(...this.#encodeWord(word));
      text = "";
    };
    const marker = new RegExp([...controls.keys()].join("|"), "gu");
    for (const piece of pieces) {
      if (piece.tokens?.vocabulary === this.vocabulary && this.capabilities.tokenIds) {
        flush();
        ids.push(...piece.tokens.ids);
        continue;
      }
      let from = 0;
      for (const match of piece.control === true ? piece.text.matchAll(marker) : []) {
        text += piece.text.slice(from, match.index);
        flush();
        ids.push(controls.get(match[0]) as number);
        from = match.index + match[0].length;
      }
      text += piece.text.slice(from);
    }
    flush();
    return ids;
  }

  #encodeWord(word: string): number[] {
    const bytes = Buffer.from(word);
    const plain = this.options.vocabulary.tokens.length - this.options.vocabulary.controls.size;
    const ids: number[] = [];
    for (let at = 0; at < bytes.length;) {
      let best = -1;
      let length = 0;
      for (let id = 0; id < plain; id++) {
        const token = this.options.vocabulary.tokens[id] as Uint8Array;
        if (token.length > length && bytes.subarray(at, at + token.length).equals(token)) {
          best = id;
          length = token.length;
        }
      }
      if (best < 0) throw new RangeError(`${this.model}: no token for ${JSON.stringify(word)} at ${at}`);
      ids.push(best);
      at += length;
    }
    return ids;
  }
}

class ToySequence implements Sequence {
  readonly #engine: ToyEngine;
  #ids: number[] = [];
  #prefilled = 0;
  #scored = 0;
  #decoded = 0;
  #calls = 0;
  #busy = false;
  #closed = false;

  constructor(engine: ToyEngine) {
    this.#engine = engine;
  }

  get position(): number {
    return this.#ids.length;
  }

  get work() {
    return {
      prefilled: this.#prefilled,
      scored: this.#scored,
      decoded: this.#decoded,
      calls: this.#calls,
    };
  }

  async append(pieces: readonly Piece[], signal?: AbortSignal): Promise<AppendOutcome> {
    return this.#alone(async () => {
      const ids = this.#engine.encode(pieces);
      const full = this.#full(ids.length);
      if (full !== undefined) return full;
      await this.#engine.work("append", signal);
      this.#calls++;
      this.#prefilled += ids.length;
      for (const id of ids) this.#push(id);
      return { status: "ok", position: this.position, tokens: ids.map(tokenId) };
    });
  }

  async score(pieces: readonly Piece[], options: ScoreOptions, signal?: AbortSignal): Promise<ScoreOutcome> {
    return this.#alone(async () => {
      const ids = this.#engine.encode(pieces);
      const full = this.#full(ids.length);
      if (full !== undefined) return full;
      await this.#engine.work("score", signal);
      this.#calls++;
      this.#scored += ids.length;
      const entries = ids.map((id): ScoreEntry => {
        const tokenLogprob =
          options.tokenLogprobs === true ? { tokenLogprob: this.nextLogprobs()[id] as number } : {};
        const text = this.#push(id);
        const logprobs = logSoftmax(this.#logits());
        const watched = options.watch.map((marker) => this.#engine.options.vocabulary.controls.get(marker));
        return {
          position: this.position,
          ...(this.#engine.capabilities.tokenIds ? { id: tokenId(id) } : {}),
          text,
          ...tokenLogprob,
          watchLogprobs: watched.map((marker) =>
            marker === undefined ? -Infinity : (logprobs[marker] as number),
          ),
          watchArgmax: watched.indexOf(argmax(logprobs)),
        };
      });
      const isProbe = this.#engine.capabilities.scores === "probe";
      return { status: "ok", position: this.position, entries: isProbe ? entries.slice(-1) : entries };
    });
  }

  async *generate(options: GenerateOptions, signal?: AbortSignal): AsyncGenerator<GenerateEvent, undefined> {
    if (this.#busy) throw new Error("two calls at once into one sequence");
    if (this.#closed) throw new EngineError("the sequence is closed", { code: "engine-closed" });
    if (this.#ids.length === 0) throw new Error("nothing to continue");
    this.#busy = true;
    const { controls } = this.#engine.options.vocabulary;
    try {
      this.#calls++;
      const stops = new Map((options.stop ?? []).map((marker) => [controls.get(marker), marker]));
      for (let count = 0; count < options.maxTokens; count++) {
        if (this.#full(1) !== undefined) {
          yield { type: "end", reason: "context-full" };
          return undefined;
        }
        await this.#engine.work("decode", signal);
        const logits = this.#logits();
        const logprobs = logSoftmax(logits);
        for (const { marker, nats } of options.bias ?? []) {
          const id = controls.get(marker);
          if (id === undefined) throw new Error(`no control token ${marker} to bias`);
          logits[id] = (logits[id] as number) + nats;
        }
        const { temperature, seed } = options.sampling;
        const id = temperature === 0 ? argmax(logits) : draw(logits, temperature, seed, this.position);
        const logprob = logprobs[id] as number;
        if (id === controls.get(END_OF_TURN)) {
          yield { type: "end", reason: "end-of-turn", logprob };
          return undefined;
        }
        const marker = stops.get(id);
        if (marker !== undefined) {
          yield { type: "end", reason: "stop", marker, logprob };
          return undefined;
        }
        this.#decoded++;
        const text = this.#push(id);
        yield {
          type: "token",
          text,
          ...(this.#engine.capabilities.tokenIds ? { id: tokenId(id) } : {}),
          ...(options.logprobs === true ? { logprob } : {}),
          ...(options.entropy === true ? { entropy: entropyOf(logprobs) } : {}),
        };
        if (this.#closed) throw new EngineError("the sequence is closed", { code: "engine-closed" });
      }
      yield { type: "end", reason: "limit" };
      return undefined;
    } finally {
      this.#busy = false;
    }
  }

  async truncate(position: number): Promise<void> {
    await this.#alone(async () => {
      if (position > this.#ids.length)
        throw new RangeError(`cannot truncate ${this.#ids.length} to ${position}`);
      this.#ids.length = position;
    });
  }

  async fork(): Promise<Sequence> {
    const copy = (await this.#engine.open()) as ToySequence;
    copy.#ids = [...this.#ids];
    return copy;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#engine.openSequences--;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#busy) throw new Error("two calls at once into one sequence");
    if (this.#closed) throw new EngineError("the sequence is closed", { code: "engine-closed" });
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
    }
  }

  #full(more: number) {
    const capacity = this.#engine.capabilities.contextSize;
    const required = this.position + more;
    if (required <= capacity) return undefined;
    return { status: "context-full", position: this.position, required, capacity } as const;
  }

  /** Adds a token and returns the text that it completes. */
  #push(id: number): string {
    const { tokens } = this.#engine.options.vocabulary;
    const bytes = tokens[id];
    if (bytes === undefined) throw new RangeError(`${this.#engine.model}: no token ${id}`);
    let pending: number[] = [];
    for (let at = this.#ids.length - 1; at >= 0 && this.#ids.length - at < 4; at--) {
      const before = tokens[this.#ids[at] as number] as Uint8Array;
      pending = [...before, ...pending];
    }
    const held = incompleteTail(pending);
    this.#ids.push(id);
    const now = [...pending.slice(pending.length - held), ...bytes];
    return Buffer.from(now.slice(0, now.length - incompleteTail(now))).toString("utf8");
  }

  nextLogprobs(): Float64Array {
    return logSoftmax(this.#logits());
  }

  #logits(): Float64Array {
    const { vocabulary, seed, boosts } = this.#engine.options;
    const context = hash32(this.#ids.join(","), seed);
    const rng = createRng(context);
    const logits = new Float64Array(vocabulary.tokens.length);
    for (let id = 0; id < logits.length; id++) logits[id] = rng.normal() * SCALE;
    for (const [marker, id] of vocabulary.controls) {
      logits[id] = (logits[id] as number) + (boosts?.[marker] ?? -2);
    }
    return logits;
  }
}

/** Bytes at the end that begin a code point and do not end it. */
function incompleteTail(bytes: readonly number[]): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] as number;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return length > back ? back : 0;
    }
  }
  return 0;
}

function logSoftmax(logits: Float64Array): Float64Array {
  const most = Math.max(...logits);
  const normaliser = most + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0));
  return logits.map((logit) => logit - normaliser);
}

function entropyOf(logprobs: Float64Array): number {
  return -logprobs.reduce((sum, logprob) => sum + Math.exp(logprob) * logprob, 0);
}

function argmax(values: Float64Array): number {
  return values.indexOf(Math.max(...values));
}

function draw(logits: Float64Array, temperature: number, seed: number, position: number): number {
  const logprobs = logSoftmax(logits.map((logit) => logit / temperature));
  let left = createRng(seed).fork(position).next();
  for (const [id, logprob] of logprobs.entries()) {
    left -= Math.exp(logprob);
    if (left < 0) return id;
  }
  return argmax(logprobs);
}

async function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}
