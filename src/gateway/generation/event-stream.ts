/**
 * The body of a stream of server-sent events. Everything written in one turn of the event loop goes out together. A slow reader makes
 * the writers wait, so that memory stays bounded.
 */

/** Text that may wait for a slow reader. With more than this, writers have to wait. */
const HIGH_WATER_CHARACTERS = 16 * 1024;
export const KEEP_ALIVE_MS = 15_000;
const KEEP_ALIVE = ": keep-alive\n\n";

const encoder = new TextEncoder();

interface Pull {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  readonly resolve: () => void;
}

export class EventStream {
  readonly body: ReadableStream<Uint8Array>;
  /** Called when text is about to go out, so that unfinished events can be written now. */
  onFlush: () => void = () => {};
  #pending = "";
  #pull: Pull | undefined;
  #scheduled = false;
  #ended = false;
  #left = false;
  #isReleased = false;
  #room: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  #wroteSinceTick = false;
  readonly #timer: NodeJS.Timeout;

  /** @param onLeave Called when the reader leaves before the end. */
  constructor(onLeave: () => void, keepAliveMs = KEEP_ALIVE_MS) {
    this.body = new ReadableStream<Uint8Array>(
      {
        pull: (controller) =>
          new Promise<void>((resolve) => {
            this.#pull = { controller, resolve };
            this.onFlush();
            if (this.#pending !== "" || this.#ended) this.#schedule();
          }),
        cancel: () => {
          this.#stop();
          onLeave();
        },
      },
      { highWaterMark: 0 },
    );
    this.#timer = setInterval(() => this.#tick(), keepAliveMs);
  }

  /** Length of the text that waits for the reader, in UTF-16 code units. */
  get waiting(): number {
    return this.#pending.length;
  }

  /** Writes whole events. */
  write(text: string): void {
    if (this.#ended || this.#left) return;
    this.#pending += text;
    if (this.#pull !== undefined) this.#schedule();
  }

  /** Says that {@link onFlush} has something to write. */
  wake(): void {
    if (this.#pull !== undefined && !this.#left) this.#schedule();
  }

  /**
   * Undefined while there is room. Otherwise resolves when there is room again, or when nobody reads any more.
   * @param more Characters that wait, besides those written.
   */
  room(more = 0): Promise<void> | undefined {
    if (this.#pending.length + more < HIGH_WATER_CHARACTERS || this.#left || this.#isReleased)
      return undefined;
    this.#room ??= withResolver();
    return this.#room.promise;
  }

  /** Lets all writers continue, however slow the reader: they are about to stop. */
  release(): void {
    this.#isReleased = true;
    this.#room?.resolve();
    this.#room = undefined;
  }

  /** Closes the stream after what was written. */
  end(): void {
    if (this.#ended || this.#left) return;
    this.#ended = true;
    clearInterval(this.#timer);
    if (this.#pull !== undefined) this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const pull = this.#pull;
    if (pull === undefined || this.#left) return;
    this.onFlush();
    if (this.#pending !== "") {
      pull.controller.enqueue(encoder.encode(this.#pending));
      this.#pending = "";
      this.#wroteSinceTick = true;
      this.#room?.resolve();
      this.#room = undefined;
    } else if (!this.#ended) return;
    this.#pull = undefined;
    if (this.#ended) pull.controller.close();
    pull.resolve();
  }

  /** Sends a comment after a silent interval, because proxies end silent connections. */
  #tick(): void {
    if (!this.#wroteSinceTick && this.#pending === "") this.write(KEEP_ALIVE);
    this.#wroteSinceTick = false;
  }

  #stop(): void {
    this.#left = true;
    this.#pending = "";
    clearInterval(this.#timer);
    this.release();
  }
}

function withResolver(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
