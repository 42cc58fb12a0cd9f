/** A SkyRL server on this machine's processor, its base model our own small one. */
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

export const MODEL = resolve("models/micro/small");
const START_TIMEOUT_MS = 180_000;

export class SkyrlServer {
  readonly url: string;
  readonly #folder: string;
  readonly #port: number;
  #process: ChildProcess | undefined;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** @param folder Where its database, checkpoints and log go: what outlives it. */
  static async start(folder: string): Promise<SkyrlServer> {
    const server = new SkyrlServer(folder, await freePort());
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    const environment = process.env["SKYRL_ENVIRONMENT"];
    if (environment === undefined) throw new Error("start this by test/skyrl/run");
    // One shape for all batches: compiling each of them is what takes the time on a processor.
    const config = {
      max_lora_adapters: 4,
      max_lora_rank: 16,
      sample_max_num_sequences: 8,
      train_micro_batch_size: 1,
    };
    // It re-runs itself by what it finds of `uv run` in its parent's command line, so there must be one.
    const args = ["run", "--no-project", "--offline", "-m", "skyrl.tinker.api", "--base-model", MODEL];
    args.push("--backend", "jax", "--backend-config", JSON.stringify(config), "--host", "127.0.0.1");
    args.push("--port", String(this.#port), "--database-url", `sqlite:///${join(this.#folder, "skyrl.db")}`);
    args.push("--checkpoints-base", join(this.#folder, "checkpoints"));
    const child = spawn(join(environment, "bin", "uv"), args, {
      cwd: this.#folder,
      env: {
        ...process.env,
        VIRTUAL_ENV: environment,
        PATH: `${join(environment, "bin")}:${process.env["PATH"] ?? ""}`,
        JAX_PLATFORMS: "cpu",
        JAX_COMPILATION_CACHE_DIR: join(environment, "jax-cache"),
        HF_HUB_OFFLINE: "1",
      },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const log = createWriteStream(join(this.#folder, "server.log"), { flags: "a" });
    child.stdout?.pipe(log);
    child.stderr?.pipe(log);
    this.#process = child;
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (Date.now() < deadline) {
      if (child.exitCode !== null) break;
      const answer = await fetch(`${this.url}/api/v1/healthz`).catch(() => undefined);
      if (answer?.ok === true) return;
      await pause(250);
    }
    throw new Error(`SkyRL did not start; see ${join(this.#folder, "server.log")}`);
  }

  /** At once and with all it started, as a machine that fails. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child?.pid === undefined || child.exitCode !== null) return;
    const gone = new Promise((done) => child.once("exit", done));
    process.kill(-child.pid, "SIGKILL");
    await gone;
  }
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.on("error", fail);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      const port = address === null || typeof address === "string" ? 0 : address.port;
      probe.close(() => done(port));
    });
  });
}
