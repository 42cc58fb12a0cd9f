/** A gateway on a free port, from a configuration, with its log kept. */
import type { Engine } from "../../../src/engines/engine.ts";
import { type GatewayConfigInput, parseGatewayConfig } from "../../../src/gateway/config/config.ts";
import { AccessLog } from "../../../src/gateway/observability/access-log.ts";
import { runGateway, type RunOptions } from "../../../src/gateway/run-gateway.ts";

export interface ServedGateway extends AsyncDisposable {
  readonly url: string;
  /** Lines of the log so far. */
  readonly log: string[];
  close(drainMs: number): Promise<void>;
}

export interface ServeOptions extends Pick<RunOptions, "apiKey" | "examples"> {
  /** Opens the model of a spec. Default: as `serve` does. */
  readonly open?: (spec: string) => Engine | Promise<Engine>;
}

export async function serveGateway(
  input: Omit<GatewayConfigInput, "port">,
  { open, ...more }: ServeOptions = {},
): Promise<ServedGateway> {
  const config = parseGatewayConfig({ ...input, port: 0 }, "the test's configuration");
  const log: string[] = [];
  const gateway = await runGateway(config, {
    ...more,
    ...(open === undefined ? {} : { open: async (spec) => open(spec) }),
    log: new AccessLog({ logPrompts: config.logPrompts, write: (line) => log.push(line) }),
  });
  return {
    url: gateway.url,
    log,
    close: (drainMs) => gateway.close(drainMs),
    [Symbol.asyncDispose]: () => gateway.close(0),
  };
}
