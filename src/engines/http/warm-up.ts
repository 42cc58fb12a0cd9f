/**
 * The streaming prefill over HTTP: the server reads along into its prefix cache. A sequence has at most one such request at a time. The
 * next one reads everything that was appended meanwhile.
 */
import type { TokenId } from "../../core/ids.ts";

export interface WarmUpOptions {
  /** Makes the server read the context into its cache. */
  readonly send: (ids: readonly TokenId[], signal: AbortSignal) => Promise<void>;
  /** Fewest new tokens that are worth a request. Fewer are left to the request that needs them. */
  readonly minTokens: number;
}

export class WarmUps {
  readonly #options: WarmUpOptions;
  /** Length of the context in the server's cache, as far as is known. */
  #warm = 0;
  #wanted: { readonly ids: readonly TokenId[]; readonly length: number } | undefined;
  #running:
    | { readonly length: number; readonly done: Promise<void>; readonly controller: AbortController }
    | undefined;
  #timer: NodeJS.Immediate | undefined;

  constructor(options: WarmUpOptions) {
    this.#options = options;
  }

  /** Tells that the context has grown to `ids`. The caller may append to the array later. */
  want(ids: readonly TokenId[]): void {
    if (ids.length - this.#warm < this.#options.minTokens) return;
    this.#wanted = { ids, length: ids.length };
    // A request that follows at once reads the context itself.
    if (this.#running === undefined) this.#timer ??= setImmediate(() => this.#start());
  }

  /** Prepares for a request that carries the whole context: waits for the running warm-up and drops the waiting one. */
  async settle(): Promise<void> {
    this.#drop();
    await this.#running?.done;
  }

  /** Tells that another request made the server read this much. */
  note(length: number): void {
    this.#warm = length;
  }

  /** Tells that the context was cut to `length`. A warm-up for more than that is aborted. */
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

  /** Sends one warm-up. A failure is ignored: the request that needs the context reports it. */
  async #run(ids: readonly TokenId[], signal: AbortSignal): Promise<void> {
    try {
      await this.#options.send(ids, signal);
      if (!signal.aborted) this.#warm = ids.length;
    } catch {
      // Ignored, as said above.
    } finally {
      this.#running = undefined;
      if (this.#wanted !== undefined) this.#start();
    }
  }
}
