/** The PyTorch contender: `pytorch.py` in a process of its own, one number of steps at a time. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { z } from "zod";

import type { Workload } from "./workload.ts";

/** Shared with the tests of the exports, which ask for the same packages. */
const ENVIRONMENT = join(process.cwd(), ".cache", "python-venv");
export const PYTHON = join(ENVIRONMENT, "bin", "python");
const REQUIREMENTS = join(process.cwd(), "test", "python", "requirements.txt");
const SCRIPT = join(process.cwd(), "bench", "train", "pytorch.py");

const readySchema = z.object({ torch: z.string(), parameters: z.number() });
const answerSchema = z.object({ seconds: z.number(), loss: z.number() });

/** Makes the environment when it is missing; throws when it cannot. */
export function preparePytorch(): void {
  if (existsSync(PYTHON) && spawnSync(PYTHON, ["-c", "import torch"]).status === 0) return;
  console.log("setting up PyTorch in .cache/python-venv ...");
  const steps: [command: string, args: string[]][] = [
    [process.env["SPLITREASON_PYTHON"] ?? "python3", ["-m", "venv", ENVIRONMENT]],
    [PYTHON, ["-m", "pip", "install", "--quiet", "-r", REQUIREMENTS]],
  ];
  for (const [command, args] of steps) {
    if (spawnSync(command, args, { stdio: ["ignore", "inherit", "inherit"] }).status !== 0) {
      throw new Error(
        `${command} ${args.join(" ")} failed; --no-pytorch runs the benchmark without PyTorch.`,
      );
    }
  }
}

export class Pytorch {
  readonly #process: ChildProcess;
  readonly #lines: Interface;
  readonly #answers: AsyncIterator<string>;
  version = "";
  parameters = 0;

  private constructor(process: ChildProcess) {
    if (!process.stdout || !process.stdin) throw new Error("PyTorch's process has no pipes.");
    this.#process = process;
    this.#lines = createInterface(process.stdout);
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  /** `microRows` rows at a time; gradients are accumulated over a step. */
  static async start(workload: Workload, threads: number, microRows: number): Promise<Pytorch> {
    const child = spawn(PYTHON, ["-W", "ignore", SCRIPT], { stdio: ["pipe", "pipe", "inherit"] });
    const pytorch = new Pytorch(child);
    const { config, rowLength, rows } = workload;
    pytorch.#send(JSON.stringify({ ...config, rowLength, rows, threads, microRows }));
    const ready = readySchema.parse(await pytorch.#receive());
    pytorch.version = ready.torch;
    pytorch.parameters = ready.parameters;
    return pytorch;
  }

  async train(steps: number): Promise<z.output<typeof answerSchema>> {
    this.#send(String(steps));
    return answerSchema.parse(await this.#receive());
  }

  async close(): Promise<void> {
    this.#process.stdin?.end();
    if (this.#process.exitCode === null) await once(this.#process, "exit");
    this.#lines.close();
  }

  #send(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
  }

  async #receive(): Promise<unknown> {
    const { value, done } = await this.#answers.next();
    if (done) throw new Error("PyTorch's process ended; its message is above.");
    return JSON.parse(value) as unknown;
  }
}
