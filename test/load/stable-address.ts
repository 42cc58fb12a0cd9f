/** One address for a server that is killed and started again elsewhere: what a service name is in a deployment. Without one, it refuses. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export class StableAddress implements AsyncDisposable {
  readonly #server = createServer((client) => this.#forward(client));
  readonly #sockets = new Set<Socket>();
  #port: number | undefined;

  /** The server behind the address from now on. */
  pointTo(url: string | undefined): void {
    this.#port = url === undefined ? undefined : Number(new URL(url).port);
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, "127.0.0.1", resolve);
    });
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => {
      this.#server.close(resolve);
    });
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #forward(client: Socket): void {
    if (this.#port === undefined) {
      client.destroy();
      return;
    }
    const server = connect(this.#port, "127.0.0.1");
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      // Either side's end, in order or by a crash, is the other's.
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }
}
