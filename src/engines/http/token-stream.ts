/** The tokens of one streaming request. Documents are read until the next token, or the end, is certain. */
import { tokenId, type TokenId } from "../../core/ids.ts";
import type { DrawnToken } from "../token-backend.ts";
import type { HttpBackend } from "./http-backend.ts";
import type { GenerationRequest, StreamEnd, StreamReader } from "./servers/dialect.ts";
import { type Arrival, stopTokenOf } from "./tokens/http-tokenizer.ts";
import { HttpEngineError } from "./transport/http-errors.ts";
import type { RoutedStream } from "./transport/pool.ts";

export interface TokenStreamOptions {
  /** Length of the prompt. */
  readonly start: number;
  /** Tokens after which nothing more is wanted. */
  readonly stops: ReadonlySet<TokenId>;
  readonly signal: AbortSignal;
}

export class TokenStream {
  readonly #backend: HttpBackend;
  readonly #stream: RoutedStream;
  readonly #read: StreamReader;
  readonly #request: GenerationRequest;
  readonly #start: number;
  readonly #stops: ReadonlySet<TokenId>;
  readonly #signal: AbortSignal;
  readonly #queue: DrawnToken[] = [];
  #length: number;
  #count = 0;
  #end: StreamEnd | undefined;
  /** The slot that this stream keeps busy, see {@link HttpBackend.slotKey}. */
  #slotKey: string | undefined;
  /** The text of tokens that the server reported without their text, since it may still become a stop. */
  #unseen = "";

  constructor(
    backend: HttpBackend,
    stream: RoutedStream,
    request: GenerationRequest,
    { start, stops, signal }: TokenStreamOptions,
  ) {
    this.#backend = backend;
    this.#stream = stream;
    this.#read = backend.model.dialect.reader(request);
    this.#request = request;
    this.#start = start;
    this.#stops = stops;
    this.#signal = signal;
    this.#length = start;
  }

  /** Length of the context before the next token. */
  get length(): number {
    return this.#length;
  }

  /** Number of tokens received so far. */
  get count(): number {
    return this.#count;
  }

  /** Whether the server stopped because its context is full. */
  get isContextFull(): boolean {
    return this.#end?.reason === "context-full";
  }

  /** The next token, or undefined at the end of the stream. @throws EngineError */
  async next(): Promise<DrawnToken | undefined> {
    await this.#fill();
    const drawn = this.#queue.shift();
    if (drawn !== undefined) this.#length++;
    return drawn;
  }

  /** Stops the server, unless it said that it is done: then the connection stays open. */
  close(): void {
    if (this.#slotKey !== undefined) this.#backend.countSlot(this.#slotKey, -1);
    if (this.#end !== undefined) this.#stream.finish();
    else this.#stream.close();
  }

  /** Reads until a token or the end is there. A control token of unknown meaning waits for the next document: it may end the turn. */
  async #fill(): Promise<void> {
    while (this.#end === undefined && (this.#queue.length === 0 || this.#isUnclear())) {
      const document = await this.#stream.next();
      if (document === undefined) {
        throw new HttpEngineError(`${this.#backend.route.url}: its answer broke off.`, {
          code: "engine-unavailable",
          retryable: true,
        });
      }
      if (this.#slotKey === undefined) this.#noteSlot(document);
      const { arrivals, end } = this.#read(document);
      for (const arrival of arrivals) await this.#receive(arrival);
      if (end !== undefined) this.#conclude(end);
    }
  }

  #noteSlot(document: unknown): void {
    this.#backend.noteSlot(document);
    const { slot } = this.#backend;
    if (slot === undefined) return;
    this.#slotKey = this.#backend.slotKey(slot);
    this.#backend.countSlot(this.#slotKey, 1);
  }

  async #receive(arrival: Arrival): Promise<void> {
    const { tokenizer } = this.#backend;
    const { missing, logprob, text } = arrival;
    const isRepeated = missing !== undefined && this.#unseen !== "" && text.startsWith(this.#unseen);
    const received = tokenizer.receive(
      isRepeated ? { ...arrival, text: text.slice(this.#unseen.length) } : arrival,
      this.#signal,
    );
    // No needless `await`: this runs for each token.
    const ids = received instanceof Promise ? await received : received;
    if (missing !== undefined && (ids.length !== missing.count + 1 || ids.at(-1) !== arrival.id)) {
      const recovered = await this.#recover(missing);
      if (recovered !== undefined) {
        this.#unseen = "";
        this.#count += recovered.length;
        for (const token of recovered) this.#queue.push(token);
        return;
      }
    }
    this.#count += ids.length;
    for (const id of ids) {
      this.#queue.push(logprob === undefined || ids.length > 1 ? { id } : { id, logprob });
      if (text !== "") this.#unseen = "";
      else if (!tokenizer.isControl(id)) this.#unseen += Buffer.from(tokenizer.bytes(id)).toString("utf8");
    }
  }

  /** Finds tokens that the stream left out and that are not the usual ones for their text: repeats the request without streaming. */
  async #recover({ count, of }: NonNullable<Arrival["missing"]>): Promise<readonly DrawnToken[] | undefined> {
    const { model, tokenizer, route } = this.#backend;
    const { dialect } = model;
    if (dialect.whole === undefined || dialect.readWhole === undefined || !tokenizer.knowsAllBytes)
      return undefined;
    this.#backend.noteRequest(this.#start);
    const wire = dialect.whole({ ...this.#request, maxTokens: of });
    const all = dialect.readWhole(await route.json(wire, this.#signal));
    if (all.length < of) return undefined;
    return all.slice(of - count - 1, of).flatMap(({ id, logprob }): DrawnToken[] => {
      if (id === undefined) return [];
      return [logprob === undefined ? { id: tokenId(id) } : { id: tokenId(id), logprob }];
    });
  }

  #isUnclear(): boolean {
    const [only] = this.#queue;
    if (only === undefined || this.#queue.length > 1) return false;
    const { tokenizer } = this.#backend;
    return tokenizer.isControl(only.id) && !tokenizer.endsTurn(only.id) && !this.#stops.has(only.id);
  }

  /** Adds the token that ended the stream, if the server did not report it as a token. */
  #conclude(end: StreamEnd): void {
    this.#end = end;
    if (end.reason !== "turn" && end.reason !== "stop") return;
    const { tokenizer } = this.#backend;
    const last = this.#queue.at(-1)?.id;
    const logprob = end.logprob === undefined ? {} : { logprob: end.logprob };
    const stopped = end.reason === "stop" ? this.#stopNamed(end) : undefined;
    if (stopped !== undefined) {
      if (last !== stopped) this.#queue.push({ id: stopped, ...logprob });
      this.#count++;
      return;
    }
    const named = end.id === undefined ? undefined : tokenizer.controlOf({ id: end.id, text: "" });
    // It was reported as an ordinary token. Now its meaning is known.
    if (last !== undefined && (last === named || (named === undefined && tokenizer.isControl(last)))) {
      if (!this.#stops.has(last)) tokenizer.noteTurnEnd(last);
      return;
    }
    if (named !== undefined) tokenizer.noteTurnEnd(named);
    this.#queue.push({ id: named ?? tokenizer.turnEnd, ...logprob });
    this.#count++;
  }

  #stopNamed(end: Extract<StreamEnd, { readonly reason: "stop" }>): TokenId | undefined {
    const { tokenizer } = this.#backend;
    for (const id of this.#stops) {
      if (end.id !== undefined && tokenizer.serverId(id) === end.id) return id;
      if (end.marker !== undefined && stopTokenOf(tokenizer, id).marker === end.marker) return id;
    }
    return undefined;
  }
}
