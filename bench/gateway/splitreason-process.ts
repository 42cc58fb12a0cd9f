/**
 * Our gateway in a process of its own: what `splitreason serve` runs, with the configuration file that it is called with, its log included. It
 * also tells its parent its address, and the size of its heap when asked.
 */
import { loadGatewayConfig } from "../../src/gateway/config/config.ts";
import { runGateway } from "../../src/gateway/run-gateway.ts";

process.on("message", () => {
  globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  process.send?.({ heapMb: heapUsed / 2 ** 20, residentMb: rss / 2 ** 20 });
});
process.on("disconnect", () => process.exit(0));
const [, , path] = process.argv;
if (path === undefined) throw new Error("call it with the path of a configuration file");
const gateway = await runGateway(await loadGatewayConfig(path));
process.on("SIGTERM", () => void gateway.close(0).finally(() => process.exit(0)));
process.send?.({ url: gateway.url });
