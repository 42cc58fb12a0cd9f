/**
 * Draws from one streaming request: the server runs ahead, and is stopped by closing the connection. Where the sequence does not take
 * the token it was given, or tokens are forbidden at one place, another request is made.
 */
import { tokenId, type TokenId } from "../../core/ids.ts";
import { hash32 } from "../../core/rng.ts";
import type { Drawer, DrawnToken, DrawRequest } from "../token-backend.ts";
import type { GenerationRequest, StreamEnd, StreamReader } from "./servers/dialect.ts";
import type { HttpBackend } from "./http-backend.ts";
import { type LinkedSignal, linkSignals } from "../../core/async.ts";
import { ContextOverflowError, HttpEngineError } from "./transport/http-errors.ts";
import { type Arrival, stopTokenOf } from "./tokens/http-tokenizer.ts";
import type { RoutedStream } from "./transport/pool.ts";

interface Run {
  readonly stream: RoutedStream;
  readonly read: StreamReader;
  readonly request: GenerationRequest;
  /** Length of the prompt. */
  readonly start: number;
  /** Length of the context before the token that is given out next. */
  length: number;
  readonly queue: DrawnToken[];
  end: StreamEnd | undefined;
  /** Tokens that came of it. */
  drawn: number;
  /** The server's place that it keeps busy, as {@link HttpBackend.slotKey} names it. */
  slotKey: string | undefined;
  /** Text of tokens that the server has reported without their text, which it holds back while it may become a stop. */
  unseen: string;
}

/** More than was wanted, where the server keeps the parts of a code point to itself. */
const PARTS_OF_CODE_POINT = 4;

export class HttpDrawer implements Drawer {
  readonly #backend: HttpBackend;
  readonly #request: DrawRequest;
  readonly #link: LinkedSignal;
  #run: Run | undefined;
  #last: TokenId | undefined;
  #left: number;

  constructor(backend: HttpBackend, request: DrawRequest, signal: AbortSignal | undefined) {
    this.#backend = backend;
    this.#request = request;
    this.#left = request.most;
    this.#link = linkSignals(backend.closing.signal, signal);
  }

  async draw(ids: readonly TokenId[], forbidden?: ReadonlySet<TokenId>): Promise<DrawnToken | undefined> {
    const backend = this.#backend;
    backend.reach(ids);
    const run = this.#run;
    const goesOn =
      forbidden === undefined &&
      run !== undefined &&
      run.length === ids.length &&
      (this.#last === undefined || ids.at(-1) === this.#last);
    if (!goesOn) this.#stop();
    try {
      const drawn = await this.#next(ids, forbidden);
      if (drawn !== undefined) {
        this.#last = drawn.id;
        this.#left--;
        backend.warmUps.note(ids.length);
      }
      if (forbidden !== undefined) this.#stop();
      return drawn;
    } catch (error) {
      this.#stop();
      if (error instanceof ContextOverflowError) return undefined;
      throw error;
    }
  }

  async end(): Promise<void> {
    this.#stop();
    this.#link.release();
  }

  #stop(): void {
    const run = this.#run;
    this.#run = undefined;
    this.#last = undefined;
    if (run === undefined) return;
    if (run.slotKey !== undefined) this.#countSlot(run.slotKey, -1);
    // Said to be over: the rest of the answer may come, and the connection stays.
    if (run.end !== undefined) run.stream.finish();
    else run.stream.close();
  }

  async #next(
    ids: readonly TokenId[],
    forbidden: ReadonlySet<TokenId> | undefined,
  ): Promise<DrawnToken | undefined> {
    const wanted = forbidden === undefined ? Math.max(1, this.#left) : 1;
    let extra = 0;
    let resumed = false;
    for (;;) {
      const run = (this.#run ??= await this.#open(ids, forbidden, wanted + extra));
      try {
        await this.#fill(run);
      } catch (error) {
        // In mid-stream: another server of the pool may go on from here, once.
        if (resumed || this.#link.signal.aborted || !this.#canResume(error)) throw error;
        resumed = true;
        this.#stop();
        continue;
      }
      const drawn = run.queue.shift();
      if (drawn !== undefined) {
        run.length++;
        return drawn;
      }
      if (run.end?.reason === "context-full") return undefined;
      // It gave as many as it was asked for, and still more are wanted; or it gave none, within a code point.
      if (run.drawn === 0) extra += PARTS_OF_CODE_POINT;
      this.#stop();
      if (extra > 2 * PARTS_OF_CODE_POINT) {
        throw new HttpEngineError(
          `${this.#backend.route.url}: it ended without a token and without saying why.`,
          {
            code: "engine-failed",
            retryable: true,
          },
        );
      }
    }
  }

  #canResume(error: unknown): boolean {
    if (!(error instanceof HttpEngineError) || !error.elsewhere) return false;
    return this.#backend.route.leave();
  }

  async #open(
    ids: readonly TokenId[],
    forbidden: ReadonlySet<TokenId> | undefined,
    most: number,
  ): Promise<Run> {
    const { tokenizer, model, route, warmUps } = this.#backend;
    await warmUps.settle();
    for (const id of forbidden ?? []) await tokenizer.identify?.(id, this.#link.signal);
    let maxTokens = most;
    for (;;) {
      const request = this.#requestFor(ids, forbidden, maxTokens);
      const wire = model.dialect.generation(request);
      this.#backend.noteRequest(ids.length);
      try {
        const stream = await route.stream(wire, model.dialect.format, this.#link.signal);
        const read = model.dialect.reader(request);
        return {
          stream,
          read,
          request,
          start: ids.length,
          length: ids.length,
          queue: [],
          end: undefined,
          drawn: 0,
          slotKey: undefined,
          unseen: "",
        };
      } catch (error) {
        // The context may have room for fewer tokens than were asked for; how many is known exactly only with ids.
        const isById = tokenizer.promptOf([]).kind === "ids";
        if (!(error instanceof ContextOverflowError) || isById || maxTokens === 1) throw error;
        maxTokens = Math.max(1, Math.floor(maxTokens / 4));
      }
    }
  }

  #requestFor(
    ids: readonly TokenId[],
    forbidden: ReadonlySet<TokenId> | undefined,
    maxTokens: number,
  ): GenerationRequest {
    const { tokenizer } = this.#backend;
    const { sampling, stops, logprob } = this.#request;
    const bias = new Map<number, number>();
    const add = (id: TokenId, nats: number): void => {
      const known = tokenizer.serverId(id);
      if (known !== undefined) bias.set(known, (bias.get(known) ?? 0) + nats);
      else if (nats !== 0) this.#cannotBias(id);
    };
    for (const [id, nats] of this.#request.bias) add(id, nats);
    for (const id of forbidden ?? []) add(id, -Infinity);
    return {
      prompt: tokenizer.promptOf(ids),
      maxTokens,
      temperature: sampling.temperature,
      topP: sampling.topP ?? 1,
      seed: hash32(String(ids.length), sampling.seed) >>> 1,
      bias,
      stops: [...stops].map((id) => stopTokenOf(tokenizer, id)),
      logprobs: logprob,
    };
  }

  #cannotBias(id: TokenId): never {
    const text = JSON.stringify(Buffer.from(this.#backend.tokenizer.bytes(id)).toString("utf8"));
    throw new HttpEngineError(
      `${this.#backend.route.url}: ${text} cannot be biased, since its token id is not known; give the model's tokenizer.json ` +
        `with tokenizer in the engine spec.`,
      { code: "engine-failed", retryable: false },
    );
  }

  /** Until a token or the end is there. A control token of unknown meaning waits for what follows: it may be the end of the turn. */
  async #fill(run: Run): Promise<void> {
    while (run.end === undefined && (run.queue.length === 0 || this.#isUnclear(run))) {
      const document = await run.stream.next();
      if (document === undefined) {
        throw new HttpEngineError(`${this.#backend.route.url}: its answer broke off.`, {
          code: "engine-unavailable",
          retryable: true,
        });
      }
      if (run.slotKey === undefined) this.#noteSlot(run, document);
      const { arrivals, end } = run.read(document);
      for (const arrival of arrivals) await this.#receive(run, arrival);
      if (end !== undefined) this.#conclude(run, end);
    }
  }

  #noteSlot(run: Run, document: unknown): void {
    this.#backend.noteSlot(document);
    const { slot } = this.#backend;
    if (slot === undefined) return;
    run.slotKey = this.#backend.slotKey(slot);
    this.#countSlot(run.slotKey, 1);
  }

  #countSlot(key: string, change: number): void {
    const { busySlots } = this.#backend.model;
    const count = (busySlots.get(key) ?? 0) + change;
    if (count > 0) busySlots.set(key, count);
    else busySlots.delete(key);
  }

  async #receive(run: Run, arrival: Arrival): Promise<void> {
    const { tokenizer } = this.#backend;
    const { missing, logprob, text } = arrival;
    const isRepeated = missing !== undefined && run.unseen !== "" && text.startsWith(run.unseen);
    const received = tokenizer.receive(
      isRepeated ? { ...arrival, text: text.slice(run.unseen.length) } : arrival,
      this.#link.signal,
    );
    // Not waited for where there is nothing to wait for: this runs for each token.
    const ids = received instanceof Promise ? await received : received;
    if (missing !== undefined && (ids.length !== missing.count + 1 || ids.at(-1) !== arrival.id)) {
      const recovered = await this.#recover(run, missing);
      if (recovered !== undefined) {
        run.unseen = "";
        run.drawn += recovered.length;
        for (const token of recovered) run.queue.push(token);
        return;
      }
    }
    run.drawn += ids.length;
    for (const id of ids) {
      run.queue.push(logprob === undefined || ids.length > 1 ? { id } : { id, logprob });
      if (text !== "") run.unseen = "";
      else if (!tokenizer.isControl(id)) run.unseen += Buffer.from(tokenizer.bytes(id)).toString("utf8");
    }
  }

  /** The tokens were not the vocabulary's usual ones for this text: the same request as a whole names them all. */
  async #recover(
    run: Run,
    { count, of }: NonNullable<Arrival["missing"]>,
  ): Promise<readonly DrawnToken[] | undefined> {
    const { model, tokenizer, route } = this.#backend;
    const { dialect } = model;
    if (dialect.whole === undefined || dialect.readWhole === undefined || !tokenizer.knowsAllBytes)
      return undefined;
    this.#backend.noteRequest(run.start);
    const wire = dialect.whole({ ...run.request, maxTokens: of });
    const all = dialect.readWhole(await route.json(wire, this.#link.signal));
    if (all.length < of) return undefined;
    return all.slice(of - count - 1, of).flatMap(({ id, logprob }): DrawnToken[] => {
      if (id === undefined) return [];
      return [logprob === undefined ? { id: tokenId(id) } : { id: tokenId(id), logprob }];
    });
  }

  #isUnclear({ queue }: Run): boolean {
    const [only] = queue;
    if (only === undefined || queue.length > 1) return false;
    const { tokenizer } = this.#backend;
    return tokenizer.isControl(only.id) && !tokenizer.endsTurn(only.id) && !this.#request.stops.has(only.id);
  }

  /** Puts the token that ended the stream behind the others, if the server did not report it as one. */
  #conclude(run: Run, end: StreamEnd): void {
    run.end = end;
    if (end.reason !== "turn" && end.reason !== "stop") return;
    const { tokenizer } = this.#backend;
    const last = run.queue.at(-1)?.id;
    const logprob = end.logprob === undefined ? {} : { logprob: end.logprob };
    const stopped = end.reason === "stop" ? this.#stopNamed(end) : undefined;
    if (stopped !== undefined) {
      if (last !== stopped) run.queue.push({ id: stopped, ...logprob });
      run.drawn++;
      return;
    }
    const named = end.id === undefined ? undefined : tokenizer.controlOf({ id: end.id, text: "" });
    // Reported as an ordinary token: now it is known what it means.
    if (last !== undefined && (last === named || (named === undefined && tokenizer.isControl(last)))) {
      if (!this.#request.stops.has(last)) tokenizer.noteTurnEnd(last);
      return;
    }
    if (named !== undefined) tokenizer.noteTurnEnd(named);
    run.queue.push({ id: named ?? tokenizer.turnEnd, ...logprob });
    run.drawn++;
  }

  #stopNamed(end: Extract<StreamEnd, { readonly reason: "stop" }>): TokenId | undefined {
    const { tokenizer } = this.#backend;
    for (const id of this.#request.stops) {
      if (end.id !== undefined && tokenizer.serverId(id) === end.id) return id;
      if (end.marker !== undefined && stopTokenOf(tokenizer, id).marker === end.marker) return id;
    }
    return undefined;
  }
}
