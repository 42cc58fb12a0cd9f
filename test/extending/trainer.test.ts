/** A trainer is one file and its line in the registry: help, errors and every recipe learn of it from there. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { beforeAll, describe, expect, it } from "vitest";

import { type CopyOfProject, copyOfProject, promisedFiles } from "./support/copy-of-project.ts";

const COUNTING = `/** A trainer that learns nothing and counts its steps. It loses its model once, before a step that is given. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { TrainError } from "../../core/errors.ts";
import { loadTokenizer } from "../../tokenizer/index.ts";
import { trainableTokenizer } from "../starting-model.ts";
import type { Datum, ForwardResult, Trainer } from "../trainer.ts";
import type { TrainerKind } from "../trainer-kind.ts";

export const counting: TrainerKind = {
  name: "counting",
  usage: "counting:STEP (loses its model before that step)",
  parse(parameters = "", refuse) {
    const loss = { step: Number(parameters), isOver: false };
    if (!Number.isInteger(loss.step)) return refuse("STEP is a whole number");
    return {
      maxRestarts: 1,
      readModel: async (folder) => ({
        ...trainableTokenizer(await loadTokenizer(folder), folder),
        maxPositions: 512,
        identity: "counting",
      }),
      open: (_, { name }) => Promise.resolve(new CountingTrainer(name, loss)),
    };
  },
};

class CountingTrainer implements Trainer {
  #count = 0;
  readonly #name: string;
  readonly #loss: { readonly step: number; isOver: boolean };

  constructor(name: string, loss: { readonly step: number; isOver: boolean }) {
    this.#name = name;
    this.#loss = loss;
  }

  async forward(data: readonly Datum[]): Promise<ForwardResult> {
    return { logprobs: data.map(({ tokens }) => new Float32Array(tokens.length)), lossSum: 1, weightSum: 1 };
  }

  forwardBackward = (data: readonly Datum[]) => this.forward(data);

  async optimStep() {
    if (this.#count + 1 === this.#loss.step && !this.#loss.isOver) {
      this.#loss.isOver = true;
      throw new TrainError("the counting trainer lost its model", { code: "trainer-lost" });
    }
    this.#count++;
    return { gradientNorm: 0 };
  }

  async trainStep(data: readonly Datum[]) {
    return { ...(await this.forward(data)), ...(await this.optimStep()) };
  }

  sampler = () => Promise.reject(new Error("it makes no rollouts"));

  async save(folder: string) {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "count"), String(this.#count));
  }

  async load(folder: string) {
    this.#count = Number(await readFile(join(folder, "count"), "utf8"));
  }

  async export(folder: string) {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "count"), this.#name + " " + this.#count);
  }

  close = () => Promise.resolve();
}
`;

const FILES = ["src/train/trainers/counting.ts", "src/train/trainers/registry.ts"];
const TIMEOUT_MS = 240_000;
let project: CopyOfProject;

beforeAll(async () => {
  const [file = "", registry = ""] = FILES;
  project = await copyOfProject("trainer");
  await project.add(file, COUNTING);
  await project.insertAfter(
    registry,
    /^import type .*trainer-kind/u,
    'import { counting } from "./counting.ts";',
  );
  await project.insertAfter(registry, /^ {2}tinker,$/u, "  counting,");
  await project.build();
  // Every step leaves a checkpoint, so that a run which begins again continues.
  const training = { checkpointEvery: 1 };
  await writeFile(join(project.folder, "sft.json"), JSON.stringify({ data: "micro:8", rows: 2, training }));
}, TIMEOUT_MS);

const SFT = ["train", "sft", "--config", "sft.json", "--model", "models/micro/small", "--steps", "4"];

const sft = (trainer: string, ...flags: readonly string[]) =>
  project.run([...SFT, "--trainer", trainer, "--out", "run", ...flags]);

describe("a trainer from outside", { timeout: TIMEOUT_MS }, () => {
  it("touches two files, as CONTRIBUTING says", async () => {
    expect(project.touched).toEqual(FILES);
    expect(await promisedFiles("a trainer")).toBe(FILES.length);
  });

  it.each(["sft", "grpo"])("is in the help of train %s", async (command) => {
    const { stdout } = await project.run(["train", command, "--help"]);
    expect(stdout.replaceAll(/\s+/gu, " ")).toContain("counting:STEP (loses its model before that step)");
  });

  it("is among the ways that an error lists, and its own refusals are shown in the same form", async () => {
    const unknown = await sft("abacus:3");
    expect(unknown).toMatchObject({ status: 2 });
    expect(unknown.stderr).toContain('the trainer "abacus:3" cannot be used: there is no such trainer');
    expect(unknown.stderr).toContain("or counting:STEP");
    const refused = await sft("counting:x");
    expect(refused).toMatchObject({ status: 2 });
    expect(refused.stderr).toContain('the trainer "counting:x" cannot be used: STEP is a whole number');
  });

  it("trains; when it lost its model the run begins again from its checkpoint, and says so", async () => {
    const { status, stdout, stderr } = await sft("counting:3", "--json");
    expect(status, stderr).toBe(0);
    expect(stderr).toContain("the counting trainer lost its model");
    expect(JSON.parse(stdout)).toMatchObject({ status: "done", step: 4, model: { folder: "run/model" } });
    const exported = await readFile(join(project.folder, "run", "model", "count"), "utf8");
    expect(exported).toBe("splitreason sft 4");
  });

  it("is not resumed by another kind: a run's identity is the trainer's", async () => {
    const { status, stderr } = await sft("embedded");
    expect(status).not.toBe(0);
    expect(stderr).toContain("another configuration");
  });
});
