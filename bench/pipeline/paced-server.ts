/** A paced model server in a process of its own, so that it and the decoder do not share one event loop. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

import {
  type DialectName,
  type Pace,
  scriptedServed,
  type ServerWork,
  startModelServer,
} from "../../test/support/model-server/index.ts";
import { bigScript, readTokenizer, smallScript } from "./trace.ts";

export interface PacedServerSettings {
  readonly role: "small" | "big";
  readonly dialect: DialectName;
  readonly pace: Pace;
}

export interface Account extends ServerWork {
  readonly requests: number;
}

export class PacedServer {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(url: string, child: ChildProcess) {
    this.url = url;
    this.#child = child;
  }

  static async start(settings: PacedServerSettings): Promise<PacedServer> {
    const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(settings)]);
    return new PacedServer(await reply(child, isUrl), child);
  }

  /** Since the server started. */
  async account(): Promise<Account> {
    this.#child.send("account");
    return await reply(this.#child, isAccount);
  }

  stop(): void {
    this.#child.disconnect();
  }
}

const isUrl = (value: unknown): value is string => typeof value === "string";
const isAccount = (value: unknown): value is Account =>
  typeof value === "object" && value !== null && "prefilled" in value;

function reply<T>(child: ChildProcess, is: (value: unknown) => value is T): Promise<T> {
  return new Promise((resolve, reject) => {
    const onExit = (status: number | null): void => reject(new Error(`a paced server ended with ${status}`));
    child.once("exit", onExit);
    child.once("message", (value: unknown) => {
      child.off("exit", onExit);
      if (is(value)) resolve(value);
      else reject(new Error(`a paced server said ${JSON.stringify(value)}`));
    });
  });
}

async function serve(settings: PacedServerSettings): Promise<void> {
  const tokenizer = await readTokenizer();
  const { role, dialect, pace } = settings;
  const next = role === "small" ? smallScript(tokenizer) : bigScript(tokenizer);
  const server = await startModelServer({
    dialect,
    pace,
    model: scriptedServed({ name: role, next, tokenizer, contextSize: 8192 }),
  });
  process.on("message", () => {
    const account: Account = { ...server.work, requests: server.requests.length };
    process.send?.(account);
  });
  process.on("disconnect", () => process.exit(0));
  process.send?.(server.url);
}

// The forked side.
if (process.send !== undefined && process.argv[2]?.startsWith("{") === true) {
  await serve(JSON.parse(process.argv[2]) as PacedServerSettings);
}
