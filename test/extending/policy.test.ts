/** A policy is one file and its line in the registry: all else that knows policies learns of it from there. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { beforeAll, describe, expect, it } from "vitest";

import { type CopyOfProject, copyOfProject, promisedFiles } from "./support/copy-of-project.ts";

const COIN = `import { z } from "zod";

import { definePolicy } from "./policy-kind.ts";

/** Heads, the big model writes the next tokens; tails, the small one does. */
export const coin = definePolicy({
  name: "coin",
  summary: "a coin is tossed every few tokens",
  uses: "pair",
  needsTags: false,
  ignores: ["bias", "reject"],
  options: z
    .object({
      tokens: z.number().int().positive().default(4),
      share: z.number().min(0).max(1).default(0.5),
      sides: z.array(z.string()).length(2).default(["heads", "tails"]),
    })
    .strict(),
  create: ({ tokens, share }) => ({
    start: ({ rng }) => ({
      next: ({ segments }) => {
        const reason = segments.length === 0 ? "start" : "scheduled";
        return rng.fork(segments.length).next() < share
          ? { author: "big", reason, close: "never", maxTokens: tokens, onEndOfTurn: "finish" }
          : { author: "small", reason, tags: "banned", maxTokens: tokens };
      },
    }),
  }),
});
`;

const FILES = ["src/decode/policies/coin.ts", "src/decode/policies/index.ts"];
const TIMEOUT_MS = 240_000;
const PROBLEM = "Start with 347. First, add 85. Second, add 63. What is the result modulo 1000?";
let project: CopyOfProject;

beforeAll(async () => {
  const [file = "", registry = ""] = FILES;
  project = await copyOfProject("policy");
  await project.add(file, COIN);
  await project.insertAfter(registry, /^import \{ callN \}/u, 'import { coin } from "./coin.ts";');
  await project.insertAfter(registry, /^ {2}always,$/u, "  coin,");
  await project.build();
}, TIMEOUT_MS);

const solve = (...flags: readonly string[]) => project.run(["solve", PROBLEM, ...flags]);

describe("a policy from outside", { timeout: TIMEOUT_MS }, () => {
  it("touches two files, as CONTRIBUTING says", async () => {
    expect(project.touched).toEqual(FILES);
    expect(await promisedFiles("a policy")).toBe(FILES.length);
  });

  it("is in the help of what runs policies and of what compares them, with its meaning", async () => {
    for (const command of ["solve", "serve", "eval"]) {
      const { stdout } = await project.run([command, "--help"]);
      expect(stdout).toMatch(/^ {2}coin +a coin is tossed every few tokens$/mu);
    }
  });

  it("is among the names that errors list, and its options are", async () => {
    const unknown = await solve("--policy", "dice");
    expect(unknown).toMatchObject({ status: 2 });
    expect(unknown.stderr).toContain('unknown policy "dice"; known are learned, random,');
    expect(unknown.stderr).toContain("always, coin.");
    const option = await solve("--policy", "coin:token=2");
    expect(option.stderr).toContain('no option "token"; there are tokens, share, sides.');
    const sides = await solve("--policy", "coin:sides=edge");
    expect(sides.stderr).toContain('policy "coin", option "sides"');
    const arm = await project.run(["eval", "micro", "--arms", "coins"]);
    expect(arm.stderr).toMatch(/unknown arm "coins"; arms: [^;]*\bcoin\b/u);
  });

  it("refuses the settings of the dial that it ignores: as a flag, and in a configuration", async () => {
    const flag = await solve("--policy", "coin", "--bias", "1");
    expect(flag).toMatchObject({ status: 2 });
    expect(flag.stderr).toContain("--bias 1: the policy coin cannot honour it");
    const check = async (preset: unknown) => {
      await writeFile(join(project.folder, "serve.json"), JSON.stringify({ models: { toss: preset } }));
      return project.run(["config", "check", "serve.json"]);
    };
    expect(await check({ policy: "coin", budget: 0.5 })).toMatchObject({ status: 0 });
    const { status, stderr } = await check({ policy: "coin", reject: 0.5 });
    expect(status).toBe(2);
    expect(stderr).toContain("models.toss.reject");
    expect(stderr).toContain("the policy coin cannot honour reject 0.5");
  });

  it("runs, with its options; --share sets the one of that name", async () => {
    const { stdout } = await solve("--policy", "coin:tokens=3:sides=up/down", "--share", "0.5", "--json");
    const { policy, usage } = JSON.parse(stdout);
    expect(policy).toBe("coin");
    expect(usage.smallTokens).toBeGreaterThan(0);
    expect(usage.bigTokens).toBeGreaterThan(0);
    const none = JSON.parse((await solve("--policy", "coin", "--share", "0", "--json")).stdout);
    expect(none.usage.bigTokens).toBe(0);
    const refused = await solve("--policy", "never", "--share", "0.1");
    expect(refused.stderr).toContain("--share 0.1 is for --policy learned or random or coin");
  });

  it("is one of all the arms of an evaluation, also with options and with a random arm matched to it", async () => {
    const few = ["--problems", "1", "--max-tokens", "24", "--json"];
    const arms = async (list: string): Promise<{ name: string; failed: number }[]> =>
      JSON.parse((await project.run(["eval", "micro", "--arms", list, ...few])).stdout).arms;
    const all = await arms("all");
    expect(all.map(({ name }) => name)).toEqual(expect.arrayContaining(["learned", "coin", "big"]));
    expect(all.at(-1)?.name).toBe("big");
    expect(all.filter(({ failed }) => failed > 0)).toEqual([]);
    const matched = await arms("coin:tokens=2,random~coin:tokens=2");
    expect(matched.map(({ name }) => name)).toEqual(["coin:tokens=2", "random~coin:tokens=2"]);
  });
});
