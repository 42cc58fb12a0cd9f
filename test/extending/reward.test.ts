/** A reward is one file and its line in the registry: all else that knows rewards learns of it from there. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { beforeAll, describe, expect, it } from "vitest";

import { type CopyOfProject, copyOfProject, promisedFiles } from "./support/copy-of-project.ts";

const BREVITY = `/** Being right, less a price on every token above a budget, whoever wrote it. */
import { z } from "zod";

import { defineReward, fromParts } from "./reward.ts";

export const brevity = defineReward({
  name: "brevity",
  help: "being right in few words",
  rollouts: "self",
  options: {
    budget: z.number().min(0).default(100),
    price: z.number().nonnegative().default(0.01),
  },
  score:
    ({ budget, price }) =>
    (groupG) =>
      groupG.map(({ correct, smallTokens, bigTokens }) =>
        fromParts({
          correct: correct ? 1 : 0,
          length: -price * Math.max(0, smallTokens + bigTokens - budget),
        }),
      ),
});
`;

/** Prints a reward's total for an answer of 30 tokens, computed by the copy. */
const SCORE = `
  import { parseReward } from "./dist/train/grpo/rewards/registry.js";
  const facts = { correct: true, taggedText: "", finish: "end-of-turn", smallTokens: 20, bigTokens: 10, opens: 1, discardedTokens: 0 };
  const reward = parseReward(JSON.parse(process.argv[1]));
  console.log(JSON.stringify([reward.name, reward.rollouts, reward.score([facts], { step: 0, steps: 1 })[0].total]));
`;

const FILES = ["src/train/grpo/rewards/brevity.ts", "src/train/grpo/rewards/registry.ts"];
const TIMEOUT_MS = 240_000;
let project: CopyOfProject;

beforeAll(async () => {
  const [file = "", registry = ""] = FILES;
  project = await copyOfProject("reward");
  await project.add(file, BREVITY);
  await project.insertAfter(registry, /^import \{ cost \}/u, 'import { brevity } from "./brevity.ts";');
  await project.insertAfter(registry, /^ {2}latency,$/u, "  brevity,");
  await project.build();
}, TIMEOUT_MS);

const grpo = (...flags: readonly string[]) =>
  project.run(["train", "grpo", "--model", "models/micro/small", "--out", "run", "--steps", "1", ...flags]);

describe("a reward from outside", { timeout: TIMEOUT_MS }, () => {
  it("touches two files, as CONTRIBUTING says", async () => {
    expect(project.touched).toEqual(FILES);
    expect(await promisedFiles("a reward")).toBe(FILES.length);
  });

  it("is in the help, with its meaning and its options", async () => {
    const { stdout } = await project.run(["train", "grpo", "--help"]);
    expect(stdout).toMatch(/brevity {2,}being right in few words\n +options: budget, price/u);
    expect(stdout.replaceAll(/\s+/gu, " ")).toContain("paper, cost, relay, latency, brevity (default: cost)");
    expect(stdout.replaceAll(/\s+/gu, " ")).toContain("with --reward cost or brevity");
  });

  it("is among the names that an error lists", async () => {
    const { status, stderr } = await grpo("--big", "micro:big", "--reward", "kindness");
    expect(status).toBe(2);
    expect(stderr).toContain('reward {"name":"kindness"}: there is no such reward');
    expect(stderr).toContain("rewards: paper, cost, relay, latency, brevity");
  });

  it("takes --budget because it has an option of that name; a run reads it as far as its models", async () => {
    const accepted = await grpo("--big", "micro:none", "--reward", "brevity", "--budget", "0.5");
    expect(accepted.stderr).toContain("micro:none");
    const refused = await grpo("--big", "micro:none", "--reward", "relay", "--budget", "0.5");
    expect(refused).toMatchObject({ status: 2 });
    expect(refused.stderr).toContain("an option of the reward cost or brevity");
  });

  it("scores, alone and in a sum", async () => {
    const score = async (reward: unknown): Promise<unknown> => {
      const call = ["--input-type=module", "-e", SCORE, JSON.stringify(reward)];
      const { stdout } = await promisify(execFile)(process.execPath, call, { cwd: project.folder });
      return JSON.parse(stdout);
    };
    expect(await score({ name: "brevity", budget: 10 })).toEqual(["brevity", "self", 0.8]);
    expect(
      await score([
        { reward: { name: "paper" }, weight: 0 },
        { reward: { name: "brevity", budget: 10 }, weight: 2 },
      ]),
    ).toEqual(["0*paper+2*brevity", "self", 1.6]);
  });
});
