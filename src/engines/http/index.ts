/**
 * Models on servers: one engine for all kinds of servers. `servers/` has a file for each kind, `tokens/` turns contexts into ids or texts,
 * `transport/` sends and receives. Nothing here renders a chat template or knows a tag. `open-engine.ts` loads this room when a spec
 * names a model on a server.
 */
export { HttpEngine } from "./http-engine.ts";
export { openHttpEngine } from "./open-http-engine.ts";
