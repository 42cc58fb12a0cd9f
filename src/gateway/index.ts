/**
 * The gateway: two models behind one OpenAI-compatible server. `createGateway` gives the routes, `listen` puts them on a socket;
 * `guardEngine` and `Admission` keep it up when a model is away or too many ask. Not here: decoding (decode), models (engines), flags
 * and signals (cli).
 */
export { AccessLog, type AccessLogOptions, type AccessRecord } from "./access-log.ts";
export { Admission, type AdmissionLimits, type Ticket } from "./admission.ts";
export {
  type GatewayConfig,
  type GatewayConfigInput,
  gatewayConfigSchema,
  type GatewayLimits,
  loadGatewayConfig,
  pairOf,
  parseGatewayConfig,
  readApiKey,
} from "./config.ts";
export { GatewayError, toErrorResponse } from "./errors.ts";
export { createGateway, type GatewayOptions } from "./gateway.ts";
export {
  type EngineHealth,
  guardEngine,
  GuardedEngine,
  type GuardOptions,
  healthOf,
} from "./guarded-engine.ts";
export { GatewayMetrics } from "./metrics.ts";
export { listen, type ListenOptions, type RunningServer } from "./server.ts";
export { findBuiltSite } from "./static-site.ts";
