import { describe, expect, test } from "vitest";

import { digestOf } from "../../core/digest.ts";
import { MICRO_PAIR, type PairConfig } from "../../decode/pair/pair-config.ts";
import { parseArms } from "../arms/arms.ts";
import { describeSettings } from "../run/evaluate.ts";
import { microTask } from "../tasks/micro.ts";
import type { EvaluationSummary } from "../summary-schema.ts";
import { quoted, rerunOf } from "./rerun.ts";

async function summaryOf(pair: PairConfig, arms: string, change: Record<string, unknown> = {}) {
  const config = {
    ...(await describeSettings({
      pair,
      task: microTask,
      arms: parseArms(arms),
      problems: 60,
      samples: 2,
      seed: 3,
      randomChunk: 32,
    })),
    ...change,
  };
  // As it is read from summary.json.
  const summary: EvaluationSummary = {
    task: { name: "micro", version: "1", problems: 60 },
    arms: [],
    comparisons: [],
    samplesPerProblem: 2,
    seed: 3,
    configHash: digestOf(config),
    git: null,
    config: JSON.parse(JSON.stringify(config)),
    machine: { processor: "x", cores: 1, node: "20", platform: "linux" },
    execution: { concurrency: 4 },
  };
  return summary;
}

describe("the command that runs it again", () => {
  test("of the shipped pair: flags, with the digest of the run's own settings", async () => {
    const { smallBase: _, ...rest } = MICRO_PAIR;
    const summary = await summaryOf(
      {
        ...rest,
        smallBase: "micro:small-base",
        sampling: { temperature: 0.6 },
        dial: { ...MICRO_PAIR.dial, bias: -1.5 },
      },
      "small,learned,entropy:threshold=1.2,random~learned",
    );
    expect(rerunOf(summary)).toEqual({
      command:
        "npx splitreason eval micro --arms small,learned,entropy:threshold=1.2,random~learned --problems 60 --samples 2 --seed 3 --temperature 0.6 --bias -1.5 --concurrency 4 --out runs/again",
      sameDigest: true,
      remarks: [],
    });
  });

  test("of other settings: a pair file, with the digest of the run's own settings", async () => {
    const summary = await summaryOf(
      { ...MICRO_PAIR, options: { ...MICRO_PAIR.options, chunks: [4, 8] } },
      "learned,big",
    );
    const rerun = rerunOf(summary);
    expect(rerun).toMatchObject({ sameDigest: true, remarks: [] });
    expect(rerun.command).toContain("--pair pair.json");
    expect(JSON.parse(rerun.pairFile ?? "")).toMatchObject({
      small: "micro:small",
      options: { chunks: [4, 8] },
    });
  });

  test("settings that are not known are told, and nothing is claimed", async () => {
    const unknown = rerunOf(await summaryOf(MICRO_PAIR, "learned,big", { newSetting: 1 }));
    expect(unknown.sameDigest).toBe(false);
    expect(unknown.remarks[0]).toContain("newSetting");
    expect(rerunOf({ ...(await summaryOf(MICRO_PAIR, "never")), config: "what" })).toMatchObject({
      sameDigest: false,
    });
    const changed = { ...(await summaryOf(MICRO_PAIR, "never")), configHash: "0".repeat(16) };
    expect(rerunOf(changed).sameDigest).toBe(false);
  });

  test("for a shell", () => {
    expect(quoted("gguf:my model's $(rm).gguf")).toBe(`'gguf:my model'\\''s $(rm).gguf'`);
    expect(quoted("small,random~learned")).toBe("small,random~learned");
    expect(quoted("~/x")).toBe("'~/x'");
  });
});
