/**
 * The gateway: two models behind one OpenAI-compatible server. `createGateway` gives the routes, `listen` puts them on a socket;
 * `guardEngine` and `Admission` keep it up when a model is away or too many ask. Not here: decoding (decode), models (engines), flags
 * and signals (cli).
 */
export { AccessLog } from "./observability/access-log.ts";
export { Admission } from "./generation/admission.ts";
export { type GatewayConfigInput, parseGatewayConfig } from "./config/config.ts";
export { createGateway, type GatewayOptions } from "./gateway.ts";
export { GatewayMetrics } from "./observability/metrics.ts";
export { listen, type RunningServer } from "./server.ts";
