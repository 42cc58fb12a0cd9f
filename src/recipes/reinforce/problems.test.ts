import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { textPiece } from "../../core/piece.ts";
import { toJsonLines } from "../../core/json-lines.ts";
import { loadReinforceConfig } from "./config.ts";
import { openRunProblems, type ProblemOptions } from "./problems.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-run-problems-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const fileOf = (name: string, rows: readonly unknown[]): string => {
  writeFileSync(join(folder, name), toJsonLines(rows));
  return join(folder, name);
};
const sums = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => ({
    problem: `${from + index} + 1?`,
    answer: from + index + 1,
  }));

const open = async (config: Record<string, unknown>, more: Partial<ProblemOptions> = {}) => {
  const parsed = await loadReinforceConfig(undefined, { model: "m", big: "b", ...config });
  return openRunProblems({
    config: parsed,
    render: (messages) => ({ prompt: messages.map(({ content }) => textPiece(content)) }),
    countTokens: (prompt) => prompt.reduce((sum, { text }) => sum + text.length, 0),
    maxPositions: 4096,
    signal: new AbortController().signal,
    ...more,
  });
};
const textOf = ({
  prompt: { prompt },
}: {
  readonly prompt: { readonly prompt: readonly { text: string }[] };
}): string => prompt.map(({ text }) => text).join("");

describe("problems of a file", () => {
  const data = `gsm8k:${fileOf("twenty.jsonl", sums(0, 20))}`;

  it("are split the same for every seed, and trained on in orders that are not", async () => {
    const one = await open({ data, heldOut: 6, grpo: { problems: 4, seed: 1 } });
    const other = await open({ data, heldOut: 6, grpo: { problems: 4, seed: 2 } });
    const ids = (problems: readonly { id: string }[]) => problems.map(({ id }) => id);
    expect(ids(one.heldOut)).toEqual(ids(other.heldOut));
    expect(one.heldOut).toHaveLength(6);
    expect(one.notice).toBe(`${data}: 14 problems to train on, 6 held out`);
    expect(ids(one.training(0))).not.toEqual(ids(other.training(0)));
    // Three steps of four are an epoch; the two that are left over are others each time.
    const epoch = (number: number) => [0, 1, 2].flatMap((step) => ids(one.training(3 * number + step)));
    const seen = new Set<string>();
    for (let number = 0; number < 12; number++) {
      expect(new Set(epoch(number)).size).toBe(12);
      for (const id of epoch(number)) seen.add(id);
    }
    expect(epoch(0)).not.toEqual(epoch(1));
    expect(seen.size).toBe(14);
    expect([...seen].filter((id) => ids(one.heldOut).includes(id))).toEqual([]);
    expect(ids(one.training(7))).toEqual(ids(one.training(7)));
  });

  it("are asked as the task asks, with the hint for the small model only, and judged by its grader", async () => {
    const { heldOut, longestPromptTokens } = await open({ data, heldOut: 1, grpo: { problems: 1 } });
    const [problem] = heldOut;
    if (problem === undefined) throw new Error("none");
    expect(textOf(problem)).toMatch(
      /^\d+ \+ 1\?\n\nPut your final answer within \\boxed\{\}\. You always use/u,
    );
    const forBig = problem.prompt.promptForBig?.map(({ text }) => text).join("");
    expect(forBig).toMatch(/within \\boxed\{\}\.$/u);
    expect(longestPromptTokens).toBeGreaterThanOrEqual(textOf(problem).length);
    const answer = Number.parseInt(textOf(problem), 10) + 1;
    expect(problem.grade(`It is \\boxed{${answer}}.`, "end-of-turn")).toBe(true);
    expect(problem.grade(`It is ${answer}`, "length")).toBe(false);
    expect(problem.grade(`It is \\boxed{${answer + 1}}.`, "end-of-turn")).toBe(false);
  });

  it("that are judged on are not trained on, from whichever file; the micro domain can be either", async () => {
    const heldOutData = `gsm8k:${fileOf("overlap.jsonl", sums(15, 30))}`;
    const both = await open({ data, heldOutData, heldOut: 100, grpo: { problems: 4 } });
    expect(both.notice).toBe(
      `${data}: 15 problems to train on, 15 held out; 5 not trained on as they are among those held out`,
    );
    const mixed = await open({ data, heldOutData: "micro", heldOut: 3, grpo: { problems: 4 } });
    expect(mixed.heldOut.map(({ id }) => id)).toEqual([0, 1, 2].map((index) => `validation-1-${index}`));
    const other = await open({ heldOutData, heldOut: 3, grpo: { problems: 4 } });
    expect(other.training(1)[0]?.id).toBe("train-1-4");
    expect(new Set([both, mixed, other].map(({ identity }) => JSON.stringify(identity))).size).toBe(3);
    expect((await open({})).identity).toBe("micro");
  });

  it("with too long a prompt are left out and counted, and none is too few", async () => {
    const long = { problem: "x".repeat(900), answer: 1 };
    const some = `gsm8k:${fileOf("long.jsonl", [...sums(0, 8), long])}`;
    const opened = await open({ data: some, heldOut: 2, maxPromptTokens: 300, grpo: { problems: 2 } });
    expect(opened.notice).toBe(
      `${some}: 6 problems to train on, 2 held out; 1 left out with a prompt of more than 300 tokens`,
    );
    expect(opened.longestPromptTokens).toBeLessThan(300);
    await expect(open({ data: some, grpo: { problems: 2, maxTokens: 4090 } })).rejects.toThrow(
      /none of its 9 problems has a prompt of at most 6 tokens/u,
    );
    await expect(open({ data: some, heldOut: 2, grpo: { problems: 8 } })).rejects.toThrow(
      "has 6 problems to train on, and a step takes 8",
    );
  });
});

it("names the line that cannot be used, and what stands there", async () => {
  for (const [row, message] of [
    [{ problem: "p" }, /:1: needs "problem" .* and "answer"; it has problem/u],
    [{ problem: "p", answer: "yes" }, /:1, field answer: .*"yes" is no answer of this task/u],
    [{ problem: "", answer: 1 }, /:1, field problem: it is empty/u],
  ] as const) {
    const data = `micro:${fileOf("bad.jsonl", [row])}`;
    await expect(open({ data }), JSON.stringify(row)).rejects.toThrow(message);
  }
});

it("finds files of a configuration from its folder", async () => {
  const path = join(folder, "config.json");
  const load = async (data: string, heldOutData: string) => {
    writeFileSync(path, JSON.stringify({ model: "m", big: "micro:big", data, heldOutData }));
    const config = await loadReinforceConfig(path, {});
    return [config.model, config.big, config.data, config.heldOutData];
  };
  const moved = [join(folder, "m"), "micro:big"];
  expect(await load("gsm8k:a.jsonl", "b.jsonl")).toEqual([
    ...moved,
    `gsm8k:${join(folder, "a.jsonl")}`,
    join(folder, "b.jsonl"),
  ]);
  expect(await load("micro", "math500")).toEqual([...moved, "micro", "math500"]);
  expect(await load("micro:a.jsonl", "/b.jsonl")).toEqual([
    ...moved,
    `micro:${join(folder, "a.jsonl")}`,
    "/b.jsonl",
  ]);
});
