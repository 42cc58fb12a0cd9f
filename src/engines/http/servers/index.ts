/**
 * The kinds of servers that an engine can run on. A kind builds requests and reads answers; it neither sends nor waits. To add one,
 * write its file and enter it here. The spec parser and the opening of engines call this.
 */
import { llamacpp } from "./llamacpp.ts";
import { ollama } from "./ollama.ts";
import { openai } from "./openai.ts";
import type { Routes, ServerKind, UnknownServer } from "./server-kind.ts";
import { sglang } from "./sglang.ts";
import { vllm } from "./vllm.ts";

/** In the order of their probes. */
export const SERVER_KINDS: readonly ServerKind[] = [
  vllm,
  sglang,
  llamacpp,
  ollama,
  // The last one: it recognises every server.
  openai,
];

/** The default of `dialect`: the server is asked what it is. */
export const ANY_SERVER = openai.name;

/** The kind that a spec names. */
export const serverKind = (name: string): ServerKind =>
  SERVER_KINDS.find((kind) => kind.name === name) ?? openai;

/** The kind of a server and the routes to use. @param name The kind that the spec names. */
export async function recogniseServer(
  name: string,
  server: UnknownServer,
): Promise<{ readonly kind: ServerKind; readonly routes: Routes }> {
  if (name !== ANY_SERVER) {
    const kind = serverKind(name);
    return { kind, routes: kind };
  }
  for (const kind of SERVER_KINDS)
    if (await kind.recognises(server)) return { kind, routes: kind.whenRecognised ?? kind };
  return { kind: openai, routes: openai };
}
