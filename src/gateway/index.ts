/**
 * The gateway: one OpenAI-compatible server in front of two models. `createGateway` makes the routes, and `listen` binds them to a
 * socket. `Admission` limits how many requests run. Decoding is in `decode`, models are in `engines`, flags and signals in `cli`.
 * Callers: the command `serve` (through `run-gateway.ts`), and tests.
 *
 * - `config/`: the configuration file, presets of model names, the API key
 * - `failures/`: one table: failure -> HTTP status, code on the wire, label, circuit breaker
 * - `guard/`: engines that may be away, with their circuit breakers
 * - `observability/`: metrics and the access log
 * - `request/`: what a client asks for: read, checked, planned
 * - `generation/`: running it: admission, choices, streams; the contract of an answer's format
 * - `protocols/`: the wire formats, one folder each; `gateway.ts` names each once
 * - `http/`: API key, status documents, the playground's files
 */
export { AccessLog } from "./observability/access-log.ts";
export { Admission } from "./generation/admission.ts";
export { type GatewayConfigInput, parseGatewayConfig } from "./config/config.ts";
export { createGateway, type GatewayOptions } from "./gateway.ts";
export { GatewayMetrics } from "./observability/metrics.ts";
export { listen, type RunningServer } from "./server.ts";
