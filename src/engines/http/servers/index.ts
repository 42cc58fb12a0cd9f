/**
 * The kinds of servers that an engine can run on. A kind builds requests and reads answers; it neither sends nor waits. To add one,
 * write its file and enter it here. The spec parser and `open-http-engine.ts` call this.
 */
import { llamacpp } from "./llamacpp.ts";
import { ollama } from "./ollama.ts";
import { openai } from "./openai.ts";
import type { ServerProtocol, ServerKind, UnknownServer } from "./server-kind.ts";
import { sglang } from "./sglang.ts";
import { vllm } from "./vllm.ts";

/** The table of kinds. A server is of the first kind that recognises it. */
export const SERVER_KINDS: readonly ServerKind[] = [
  vllm,
  sglang,
  llamacpp,
  ollama,
  // It recognises every server, so it is the last one.
  openai,
];

/** The default of `dialect`: the probes of all kinds decide. */
export const ANY_SERVER = openai.name;

/** The kind that a spec names. */
export const serverKind = (name: string): ServerKind =>
  SERVER_KINDS.find((kind) => kind.name === name) ?? openai;

/** Finds the kind of a server and the protocol to use. @param name The kind that the spec names. */
export async function recogniseServer(
  name: string,
  server: UnknownServer,
): Promise<{ readonly kind: ServerKind; readonly protocol: ServerProtocol }> {
  if (name !== ANY_SERVER) {
    const kind = serverKind(name);
    return { kind, protocol: kind };
  }
  for (const kind of SERVER_KINDS)
    if (await kind.recognises(server)) return { kind, protocol: kind.whenRecognised ?? kind };
  return { kind: openai, protocol: openai };
}
