/**
 * The streaming prefill over HTTP: the server reads along into its prefix cache. At most one request is in flight for a sequence; what
 * is appended meanwhile is read by the next one, and what is superseded is never asked for.
 */
import type { TokenId } from "../../core/ids.ts";

export interface WarmUpOptions {
  /** Reads the context into the cache. */
  readonly send: (ids: readonly TokenId[], signal: AbortSignal) => Promise<void>;
  /** Fewer new tokens than this are left to the request that needs them. */
  readonly fewest: number;
}

export class WarmUps {
  readonly #options: WarmUpOptions;
  /** Length of the context that the server has in its cache, as far as is known. */
  #warm = 0;
  #wanted: { readonly ids: readonly TokenId[]; readonly length: number } | undefined;
  #running:
    | { readonly length: number; readonly done: Promise<void>; readonly controller: AbortController }
    | undefined;
  #timer: NodeJS.Immediate | undefined;

  constructor(options: WarmUpOptions) {
    this.#options = options;
  }

  /** The context has grown to `ids`, of which the array may go on growing. */
  want(ids: readonly TokenId[]): void {
    if (ids.length - this.#warm < this.#options.fewest) return;
    this.#wanted = { ids, length: ids.length };
    // A request that follows at once does the reading itself.
    if (this.#running === undefined) this.#timer ??= setImmediate(() => this.#start());
  }

  /** A request is about to carry the whole context: waits for the one in flight, and drops what waits. */
  async settle(): Promise<void> {
    this.#drop();
    await this.#running?.done;
  }

  /** The server has read this much by another request. */
  note(length: number): void {
    this.#warm = length;
  }

  /** The context was cut: what is beyond is not read any more. */
  cut(length: number): void {
    this.#drop();
    this.#warm = Math.min(this.#warm, length);
    if (this.#running !== undefined && this.#running.length > length) this.#running.controller.abort();
  }

  async close(): Promise<void> {
    this.#drop();
    this.#running?.controller.abort();
    await this.#running?.done;
  }

  #drop(): void {
    this.#wanted = undefined;
    clearImmediate(this.#timer);
    this.#timer = undefined;
  }

  #start(): void {
    this.#timer = undefined;
    const wanted = this.#wanted;
    if (wanted === undefined) return;
    this.#wanted = undefined;
    const controller = new AbortController();
    const { length } = wanted;
    this.#running = { length, controller, done: this.#run(wanted.ids.slice(0, length), controller.signal) };
  }

  /** A hint that fails costs nothing but time: the request that needs the context says what is wrong. */
  async #run(ids: readonly TokenId[], signal: AbortSignal): Promise<void> {
    try {
      await this.#options.send(ids, signal);
      if (!signal.aborted) this.#warm = ids.length;
    } catch {
      // As above.
    } finally {
      this.#running = undefined;
      if (this.#wanted !== undefined) this.#start();
    }
  }
}
