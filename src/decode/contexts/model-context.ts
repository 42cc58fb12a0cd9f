/**
 * One model's side of a split decode: a sequence, and what has been written for it to read. Writing costs nothing. The model reads
 * when it must ({@link ModelContext.sync}) or, with streaming prefill, in chunks in the background while the other one writes
 * (Paper 3.1). Everything that touches the sequence runs in order, one at a time.
 */
import { type LinkedSignal, linkSignals, settle, withTimeout } from "../../core/async.ts";
import { EngineError, errorMessage } from "../../core/errors.ts";
import type { TokenId } from "../../core/ids.ts";
import type { Piece } from "../../core/piece.ts";
import type { Engine, ScoreEntry, Sequence } from "../../engines/engine.ts";
import { mergeIds } from "./merge-ids.ts";
import type { EngineWork } from "../events/events.ts";
import type { LedgerBuilder, LedgerLabel } from "../events/ledger.ts";

export interface ModelContextOptions {
  /** How many tokens are written before the model reads them in the background. Undefined: it reads only when it must. */
  readonly prefillChunk?: number;
  /** Records every token of this context. */
  readonly ledger?: LedgerBuilder;
  /** Keeps what was written, so that a failed sequence can be replaced by a new one. */
  readonly replaceable?: boolean;
  /** Longest silence of the engine during one call. */
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
}

export type SyncOutcome = { readonly status: "ok" | "context-full"; readonly position: number };

export type ContextScore =
  | { readonly status: "ok"; readonly entries: readonly ScoreEntry[] }
  | { readonly status: "context-full" };

interface Write {
  readonly pieces: readonly Piece[];
  readonly tokens: number;
  readonly label: LedgerLabel | undefined;
}

export const NO_WORK: EngineWork = { prefilled: 0, scored: 0, decoded: 0, calls: 0, discarded: 0 };
/** An engine that ignores its signal may hold the end of a request no longer than this. */
const CLOSE_LIMIT_MS = 2_000;

export class ModelContext {
  readonly engine: Engine;
  readonly #options: ModelContextOptions;
  #sequence: Sequence | undefined;
  #life: LinkedSignal;
  #pending: Write[] = [];
  #pendingTokens = 0;
  #log: Piece[] = [];
  #tail: Promise<void> = Promise.resolve();
  #drainQueued = false;
  #failure: { readonly error: unknown } | undefined;
  #full = false;
  #closed = false;
  #pastWork: EngineWork = NO_WORK;
  #discarded = 0;
  readonly #tracked: Promise<void>[] = [];

  constructor(engine: Engine, options: ModelContextOptions) {
    this.engine = engine;
    this.#options = options;
    this.#life = linkSignals(options.signal);
  }

  /** Aborted when the request is, when this context fails and when it is closed. */
  get signal(): AbortSignal {
    return this.#life.signal;
  }

  /** The open sequence; {@link sync} first. */
  get sequence(): Sequence {
    if (this.#sequence === undefined) {
      throw new EngineError(`${this.engine.model}: no sequence is open.`, { code: "internal" });
    }
    return this.#sequence;
  }

  /** The work of the engine for this context so far. */
  get work(): EngineWork {
    const now = this.#sequence?.work;
    const sent = this.#pastWork.sent ?? now?.sent;
    return {
      prefilled: this.#pastWork.prefilled + (now?.prefilled ?? 0),
      scored: this.#pastWork.scored + (now?.scored ?? 0),
      decoded: this.#pastWork.decoded + (now?.decoded ?? 0),
      calls: this.#pastWork.calls + (now?.calls ?? 0),
      discarded: this.#discarded,
      ...(sent === undefined ? {} : { sent: (this.#pastWork.sent ?? 0) + (now?.sent ?? 0) }),
    };
  }

  /** Adds to the context. `tokens` is about how many there are: it only decides when to read in the background. */
  write(pieces: readonly Piece[], tokens: number, label?: LedgerLabel): void {
    if (pieces.length === 0 || this.#full || this.#closed) return;
    this.#pending.push({ pieces, tokens, label });
    this.#pendingTokens += tokens;
    this.#remember(pieces);
    const chunk = this.#options.prefillChunk;
    if (chunk === undefined || this.#pendingTokens < chunk || this.#drainQueued) return;
    this.#drainQueued = true;
    void this.enqueue(async () => {
      this.#drainQueued = false;
      await this.#readPending();
    });
  }

  /** Notes what the model wrote by itself, which is in the sequence already. */
  noteGenerated(pieces: readonly Piece[]): void {
    this.#remember(pieces);
  }

  countDiscarded(tokens: number): void {
    this.#discarded += tokens;
  }

  /** Reads everything written into the sequence. Throws what went wrong here, or in the background before. */
  async sync(): Promise<SyncOutcome> {
    await this.enqueue(() => this.#readPending());
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#full
      ? { status: "context-full", position: this.#sequence?.position ?? 0 }
      : { status: "ok", position: this.sequence.position };
  }

  /** Runs `work` after all before it. A failure is kept and thrown by the next {@link sync}; later work is skipped. */
  enqueue(work: () => Promise<void>): Promise<void> {
    this.#tail = this.#after(this.#tail, work);
    return this.#tail;
  }

  /**
   * Reads `chunk` and tells after each token how likely each marker of `watch` comes next. Tags written before are read in the same
   * call, and their entries left out; where entries cover several tokens, they are read in a call of their own. When the context is
   * full, nothing of the chunk was read.
   */
  async score(chunk: readonly Piece[], watch: readonly string[]): Promise<ContextScore> {
    const isProbe = this.engine.capabilities.scores === "probe" && this.#pending.length > 0;
    if (isProbe || this.#pending.some(({ pieces }) => pieces.some((piece) => piece.control !== true))) {
      if ((await this.sync()).status === "context-full") return { status: "context-full" };
    }
    await this.#tail;
    if (this.#failure !== undefined) throw this.#failure.error;
    await this.#open();
    const lead = this.#pending;
    const leadPieces = lead.flatMap(({ pieces }) => pieces);
    const leadCounts = await Promise.all(lead.map(({ pieces }) => this.engine.countTokens(pieces)));
    const outcome = await this.sequence.score([...leadPieces, ...chunk], { watch }, this.signal);
    if (outcome.status === "context-full") return { status: "context-full" };
    this.#pending = [];
    this.#pendingTokens = 0;
    let from = 0;
    for (const [index, { label }] of lead.entries()) {
      const end = from + (leadCounts[index] ?? 0);
      this.#record(idsOf(outcome.entries.slice(from, end)), label);
      from = end;
    }
    return { status: "ok", entries: outcome.entries.slice(from) };
  }

  /** Gives the sequence up after a failure, and stops what runs in it. {@link replace} opens another. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#life.abort(error);
  }

  /** Starts again with a new sequence and the same content, which is read when it must be. */
  replace(): void {
    this.#retire();
    this.#failure = undefined;
    this.#full = false;
    this.#drainQueued = false;
    this.#life = linkSignals(this.#options.signal);
    this.#pending = [{ pieces: this.#log, tokens: 0, label: undefined }];
    this.#pendingTokens = 0;
    this.#log = [...this.#log];
  }

  /** Stops everything and frees the sequence; resolves when nothing of this context runs any more. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#life.abort(new EngineError("the request is over.", { code: "aborted" }));
    await settle(this.#tail, CLOSE_LIMIT_MS);
    await settle(Promise.all(this.#tracked), CLOSE_LIMIT_MS);
    this.#retire();
    await settle(Promise.all(this.#tracked), CLOSE_LIMIT_MS);
  }

  /** The result of one call into the engine. @throws a retryable EngineError `engine-unavailable` when the engine is silent for this context's limit. */
  inTime<T>(work: Promise<T>, what: string): Promise<T> {
    const { timeoutMs } = this.#options;
    return withTimeout(
      work,
      timeoutMs,
      () => {
        const late = `${this.engine.model}: ${what} took longer than ${timeoutMs} ms, and it was silent`;
        return new EngineError(`${late}; raise --big-timeout (bigTimeoutMs) or look at its load.`, {
          code: "engine-unavailable",
          retryable: true,
        });
      },
      () => this.engine.activity?.() ?? 0,
    );
  }

  /** Work that {@link close} waits for, and that never rejects. */
  track(work: Promise<void>): void {
    this.#tracked.push(work);
  }

  #retire(): void {
    const sequence = this.#sequence;
    this.#life.release();
    if (sequence === undefined) return;
    this.#pastWork = this.work;
    this.#sequence = undefined;
    this.track(sequence.close().catch(() => {}));
  }

  async #open(): Promise<void> {
    if (this.#sequence !== undefined) return;
    const opening = this.engine.open(undefined, this.signal);
    try {
      this.#sequence = await this.inTime(opening, "opening a sequence");
    } catch (error) {
      // Given up on; should it open after all, it must not stay open.
      opening.then((sequence) => sequence.close()).catch(() => {});
      throw error;
    }
  }

  async #readPending(): Promise<void> {
    if (this.#full) return;
    await this.#open();
    const writes = this.#pending;
    this.#pending = [];
    this.#pendingTokens = 0;
    for (const group of this.#options.ledger === undefined
      ? [writes]
      : runsWithKnownIds(writes, this.engine)) {
      const pieces = mergeIds(group.flatMap(({ pieces }) => pieces));
      if (pieces.length === 0) continue;
      const outcome = await this.inTime(this.sequence.append(pieces, this.signal), "reading the context");
      if (outcome.status === "context-full") {
        this.#full = true;
        return;
      }
      for (const { pieces, label } of group) {
        const ids = group.length === 1 ? outcome.tokens : pieces.flatMap(({ tokens }) => tokens?.ids ?? []);
        this.#record(ids, label);
      }
    }
  }

  async #after(before: Promise<void>, work: () => Promise<void>): Promise<void> {
    await before;
    if (this.#failure !== undefined || this.#closed) return;
    try {
      await work();
    } catch (error) {
      this.fail(error);
    }
  }

  #record(ids: readonly TokenId[], label: LedgerLabel | undefined): void {
    if (label !== undefined) this.#options.ledger?.addWrite(ids, label);
  }

  #remember(pieces: readonly Piece[]): void {
    if (this.#options.replaceable !== true) return;
    for (const piece of pieces) this.#log.push(piece);
  }
}

/** The message of a failure that took the big model away. */
export function describeFailure(engine: Engine, error: unknown): string {
  const message = errorMessage(error);
  return message.startsWith(engine.model) ? message : `${engine.model}: ${message}`;
}

/** Groups writes for the ledger. Those whose ids are known can be read together; any other is read by itself, to learn its ids. */
function runsWithKnownIds(writes: readonly Write[], engine: Engine): Write[][] {
  const runs: Write[][] = [];
  let known = false;
  for (const write of writes) {
    const isKnown = write.pieces.every(({ tokens }) => tokens?.vocabulary === engine.vocabulary);
    const last = runs.at(-1);
    if (isKnown && known && last !== undefined) last.push(write);
    else runs.push([write]);
    known = isKnown;
  }
  return runs;
}

function idsOf(entries: readonly ScoreEntry[]): TokenId[] {
  return entries.flatMap(({ id }) => (id === undefined ? [] : [id]));
}
