/**
 * The body of a stream of server-sent events. What is written in one turn of the event loop goes out together; a reader that does
 * not keep up holds back whoever writes, so that memory stays bounded.
 */

/** Text that may wait for a slow reader before writers have to wait. */
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
  /** Called when text is about to go out: what is still being put together is written now. */
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

  /** @param onLeave the reader went away before the end. */
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

  /** Text that waits for the reader, in UTF-16 code units. */
  get waiting(): number {
    return this.#pending.length;
  }

  /** Writes whole events. */
  write(text: string): void {
    if (this.#ended || this.#left) return;
    this.#pending += text;
    if (this.#pull !== undefined) this.#schedule();
  }

  /** Something is there for {@link onFlush} to write. */
  wake(): void {
    if (this.#pull !== undefined && !this.#left) this.#schedule();
  }

  /**
   * Undefined while there is room; else resolves when there is again, or when no one reads any more.
   * @param more characters that wait besides those written.
   */
  room(more = 0): Promise<void> | undefined {
    if (this.#pending.length + more < HIGH_WATER_CHARACTERS || this.#left || this.#isReleased)
      return undefined;
    this.#room ??= withResolver();
    return this.#room.promise;
  }

  /** No one has to wait any more, however slow the reader: the writers are to stop. */
  release(): void {
    this.#isReleased = true;
    this.#room?.resolve();
    this.#room = undefined;
  }

  /** Closes the stream behind what was written. */
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

  /** A comment when nothing was sent for a while: proxies end connections that are silent. */
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
