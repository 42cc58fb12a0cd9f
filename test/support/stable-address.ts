/** One address for a server that is killed and started again elsewhere: what a service name is in a deployment. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class StableAddress implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #port = 0;
  #target: URL | undefined;

  private constructor() {
    this.#server = createServer((client) => this.#forward(client));
  }

  /** Takes a free port, which refuses connections until {@link pointTo}. */
  static async take(): Promise<StableAddress> {
    const address = new StableAddress();
    await address.#listen();
    ({ port: address.#port } = address.#server.address() as AddressInfo);
    await address.pointTo(undefined);
    return address;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Sets the server of the address. Undefined resets every connection and refuses new ones, as a kill does. */
  async pointTo(url: string | undefined): Promise<void> {
    this.#target = url === undefined ? undefined : new URL(url);
    if (this.#target !== undefined) {
      if (!this.#server.listening) await this.#listen();
      return;
    }
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pointTo(undefined);
  }

  async #listen(): Promise<void> {
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  #forward(client: Socket): void {
    if (this.#target === undefined) {
      client.destroy();
      return;
    }
    const server = connect(Number(this.#target.port), this.#target.hostname);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      // The end of one side, in order or by a crash, ends the other.
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }
}
