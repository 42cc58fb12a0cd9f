/** Binds the app to one address, and closes it without cutting off requests that run. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { getRequestListener } from "@hono/node-server";

import { ConfigError, errorMessage } from "../core/errors.ts";

export interface ListenOptions {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
}

export interface RunningServer {
  readonly url: string;
  /**
   * Stops accepting connections, and gives running requests `drainMs` to end. Then it cuts the rest off, which stops their models.
   * Resolves when no connection is left.
   */
  close(options: { readonly drainMs: number }): Promise<void>;
}

/** Time limits for sending headers, and for sending a whole request. */
const HEADERS_TIMEOUT_MS = 20_000;
const REQUEST_TIMEOUT_MS = 60_000;
/** Interval at which connections that have become idle are closed, while the server closes. */
const IDLE_CHECK_MS = 50;

interface App {
  fetch(request: Request, environment: unknown): Response | Promise<Response>;
}

/** @throws ConfigError when the address cannot be bound. */
export async function listen(app: App, { host, port }: ListenOptions): Promise<RunningServer> {
  const listener = getRequestListener((request, environment) => app.fetch(request, environment), {
    overrideGlobalObjects: false,
  });
  const server = createServer(
    { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, noDelay: true },
    (incoming, outgoing) => void listener(incoming, outgoing),
  );
  await bound(server, host, port);
  return { url: urlOf(server, host), close: ({ drainMs }) => close(server, drainMs) };
}

function bound(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      reject(
        new ConfigError(
          `the gateway cannot listen on ${host} port ${port}: ${errorMessage(error)}; choose another.`,
          {
            code: "config-invalid",
            cause: error,
          },
        ),
      );
    };
    server.once("error", onError);
    server.listen(port, host, () => {
      server.off("error", onError);
      resolve();
    });
  });
}

async function close(server: Server, drainMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), drainMs);
  await closed;
  clearInterval(idle);
  clearTimeout(cut);
}

function urlOf(server: Server, host: string): string {
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("the server listens on no port");
  const { port }: AddressInfo = address;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
