import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { BestModel } from "./best-model.ts";

describe("BestModel", () => {
  let run = "";
  beforeEach(async () => {
    run = await mkdtemp(join(tmpdir(), "splitreason-best-"));
  });
  afterEach(() => rm(run, { recursive: true }));

  const evaluation = (step: number, score: number) => ({ step, scores: { accuracy: score }, score });
  const write = (weights: string) => async (folder: string) => {
    await mkdir(folder);
    await writeFile(join(folder, "weights"), weights);
  };
  const weights = () => readFile(join(run, "best", "weights"), "utf8");

  it("keeps the highest score, the first among equals, and knows it in the next process", async () => {
    const best = await BestModel.open(run);
    expect(best.evaluation).toBeUndefined();
    await best.offer(evaluation(0, 0.2), write("a"));
    await best.offer(evaluation(10, 0.5), write("b"));
    await best.offer(evaluation(20, 0.5), write("c"));
    await best.offer(evaluation(30, 0.4), write("d"));
    expect(await weights()).toBe("b");
    expect((await BestModel.open(run)).evaluation).toEqual(evaluation(10, 0.5));
    expect(existsSync(join(run, "best.next"))).toBe(false);
    expect(existsSync(join(run, "best.replaced"))).toBe(false);
  });

  it("is the one before when the next was not written to its end", async () => {
    const best = await BestModel.open(run);
    await best.offer(evaluation(0, 0.2), write("a"));
    const cut = async (folder: string): Promise<void> => {
      await write("half")(folder);
      throw new Error("killed");
    };
    await expect(best.offer(evaluation(10, 0.9), cut)).rejects.toThrow("killed");
    const after = await BestModel.open(run);
    expect(after.evaluation).toEqual(evaluation(0, 0.2));
    await after.offer(evaluation(10, 0.9), write("b"));
    expect(await weights()).toBe("b");
  });

  it("is the one before when it was killed between the two renamings", async () => {
    const best = await BestModel.open(run);
    await best.offer(evaluation(0, 0.2), write("a"));
    await rename(join(run, "best"), join(run, "best.replaced"));
    expect((await BestModel.open(run)).evaluation).toEqual(evaluation(0, 0.2));
    expect(await weights()).toBe("a");
  });

  it("says what is wrong with a file that is no evaluation", async () => {
    await mkdir(join(run, "best"));
    await writeFile(join(run, "best", "evaluation.json"), "{}");
    await expect(BestModel.open(run)).rejects.toThrow(/evaluation.json, field step: it is missing/);
  });
});
