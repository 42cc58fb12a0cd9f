/** A port in front of a server that can be cut and joined: cut, every connection is reset and new ones are refused, as by a kill. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface BreakableLink extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, the same for ever. */
  readonly url: string;
  cut(): Promise<void>;
  join(): Promise<void>;
}

/** Begins cut. */
export async function breakableLink(target: string): Promise<BreakableLink> {
  const { hostname, port: targetPort } = new URL(target);
  const sockets = new Set<Socket>();
  const server = createServer((inward) => {
    const outward = connect(Number(targetPort), hostname);
    for (const [socket, other] of [
      [inward, outward],
      [outward, inward],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  const listen = async (port: number): Promise<void> => {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const cut = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    for (const socket of sockets) socket.resetAndDestroy();
    await closed;
  };
  await cut();
  return { url: `http://127.0.0.1:${port}`, cut, join: () => listen(port), [Symbol.asyncDispose]: cut };
}
