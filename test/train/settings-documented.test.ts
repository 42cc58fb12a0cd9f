/** docs/training.md names every setting that a configuration file takes, and no reward's option is left out. */
import { readFileSync } from "node:fs";

import { expect, it } from "vitest";
import type { z } from "zod";

import { learnConfigSchema } from "../../src/recipes/learn/config.ts";
import { reinforceConfigSchema } from "../../src/recipes/reinforce/config.ts";
import { sftConfigSchema } from "../../src/recipes/supervised/config.ts";
import { grpoConfigSchema } from "../../src/train/grpo/config.ts";
import { REWARDS } from "../../src/train/grpo/rewards/registry.ts";
import { loraConfigSchema } from "../../src/train/model/lora-config.ts";
import { loopConfigSchema } from "../../src/train/supervised/loop.ts";

const page = readFileSync("docs/training.md", "utf8");
const named = (key: string): boolean => new RegExp(`[\`{ ]${key}[\`: ,}]`, "u").test(page);
const keysOf = ({ shape }: { readonly shape: Record<string, z.ZodType> }): string[] => Object.keys(shape);

it.each([
  ["learn", keysOf(learnConfigSchema)],
  ["its rollouts", keysOf(learnConfigSchema.shape.rollouts.unwrap())],
  ["its calibration", keysOf(learnConfigSchema.shape.calibration.unwrap())],
  ["train sft", keysOf(sftConfigSchema)],
  ["lora", keysOf(loraConfigSchema)],
  ["its training", keysOf(loopConfigSchema)],
  ["train grpo", keysOf(reinforceConfigSchema)],
  ["its grpo", keysOf(grpoConfigSchema)],
  ["rewards", REWARDS.flatMap(({ schema }) => keysOf(schema))],
])("every setting of %s is in docs/training.md", (_, keys) => {
  expect(keys.filter((key) => !named(key))).toEqual([]);
});
