/** The three ways to the same tokens: the upstream itself, and through each gateway. */
import type { Target } from "./load.ts";
import { type Server, startSibling, stop } from "./processes.ts";
import { portkeyHeaders, startPortkey } from "./portkey.ts";
import { startSplitreason } from "./splitreason.ts";
import { MODEL } from "./token.ts";

export const ARMS = ["direct", "splitreason", "portkey"] as const;
export type ArmName = (typeof ARMS)[number];
export type Endpoint = "chat" | "completions";

export interface Arm {
  readonly name: ArmName;
  readonly target: Target;
  /** Absent for the upstream itself. */
  readonly gateway?: Server;
}

export interface Setting {
  readonly upstream: Server;
  readonly arms: readonly Arm[];
  close(): Promise<void>;
}

const PROMPT = "Start with 347. First, add 85. What is the result modulo 1000?";

export async function startSetting(endpoint: Endpoint, names: readonly ArmName[]): Promise<Setting> {
  const upstream = await startSibling("upstream-process.js");
  const servers: Server[] = [upstream];
  const arms: Arm[] = [];
  const close = async (): Promise<void> => {
    for (const server of servers.toReversed()) await stop(server.process);
  };
  try {
    for (const name of names) {
      const gateway = await startGateway(name, upstream.url);
      if (gateway !== undefined) servers.push(gateway);
      const target = targetOf(
        name,
        endpoint,
        gateway?.url ?? upstream.url.replace(/\/v1$/u, ""),
        upstream.url,
      );
      arms.push({ name, target, ...(gateway === undefined ? {} : { gateway }) });
    }
    return { upstream, arms, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startGateway(name: ArmName, upstreamUrl: string): Promise<Server | undefined> {
  switch (name) {
    case "direct":
      return undefined;
    case "splitreason":
      return startSplitreason(upstreamUrl, MODEL);
    case "portkey":
      return startPortkey();
    default:
      return name satisfies never;
  }
}

function targetOf(name: ArmName, endpoint: Endpoint, origin: string, upstreamUrl: string): Target {
  const isOurs = name === "splitreason";
  const what = endpoint === "chat" ? { messages: [{ role: "user", content: PROMPT }] } : { prompt: PROMPT };
  const model = isOurs ? "splitreason:small" : MODEL;
  return {
    name,
    origin,
    path: endpoint === "chat" ? "/v1/chat/completions" : "/v1/completions",
    headers: name === "portkey" ? portkeyHeaders(upstreamUrl) : {},
    body: (tokens) => JSON.stringify({ model, ...what, max_tokens: tokens, temperature: 0, stream: true }),
  };
}
