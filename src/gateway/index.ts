/**
 * The gateway: two models behind one OpenAI-compatible server. `createGateway` gives the routes, `listen` puts them on a socket;
 * `guardEngine` and `Admission` keep it up when a model is away or too many ask. Not here: decoding (decode), models (engines), flags
 * and signals (cli).
 */
export { AccessLog } from "./access-log.ts";
export { Admission } from "./admission.ts";
export { type GatewayConfigInput, parseGatewayConfig } from "./config.ts";
export { createGateway, type GatewayOptions } from "./gateway.ts";
export { GatewayMetrics } from "./metrics.ts";
export { listen, type RunningServer } from "./server.ts";
