/** The other gateway: the npm package `@portkey-ai/gateway`, installed on demand into .cache/portkey, not a dependency of ours. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { type Server, freePort, startNode, waitUntil } from "./processes.ts";

export const PORTKEY_VERSION = "1.15.2";
const PACKAGE = "@portkey-ai/gateway";
/**
 * The version of a dependency. Portkey's own range takes the newest 1.x, with which it answers every streaming request with 500. From
 * 1.14 on, a response made from a fetched one keeps its immutable headers, and Portkey appends to them. The last 1.13 works.
 */
const OVERRIDES = { "@hono/node-server": "1.13.8" };

/** Installs it unless it is there. Without its scripts: the only one applies patches to its own sources. */
function install(): string {
  const folder = join(process.cwd(), ".cache", "portkey");
  const installed = join(folder, "node_modules", PACKAGE);
  if (versionOf(installed) !== PORTKEY_VERSION) {
    mkdirSync(folder, { recursive: true });
    const manifest = { name: "portkey-under-test", private: true, overrides: OVERRIDES };
    writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
    const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--save-exact"];
    execFileSync("npm", ["install", ...flags, `${PACKAGE}@${PORTKEY_VERSION}`], {
      cwd: folder,
      stdio: ["ignore", "ignore", "inherit"],
    });
  }
  return join(installed, "build", "start-server.js");
}

function versionOf(folder: string): string | undefined {
  const path = join(folder, "package.json");
  if (!existsSync(path)) return undefined;
  return (JSON.parse(readFileSync(path, "utf8")) as { readonly version?: string }).version;
}

/** Started as its own scripts start it, without the web console (which would keep a copy of each answer). */
export async function startPortkey(): Promise<Server> {
  const program = install();
  const port = await freePort();
  const child = startNode(program, {
    callArguments: [`--port=${port}`, "--headless"],
    environment: { NODE_ENV: "production" },
  });
  const url = `http://127.0.0.1:${port}`;
  await waitUntil(`Portkey (its output: ${child.log()})`, async () => (await fetch(url)).ok);
  return { process: child.process, url };
}

/** Which upstream a request is for, as Portkey wants to be told. */
export function portkeyHeaders(upstreamUrl: string): Readonly<Record<string, string>> {
  return {
    "x-portkey-provider": "openai",
    "x-portkey-custom-host": upstreamUrl,
    authorization: "Bearer none",
  };
}
