/** A task is its row in one table and its line in the docs: help, error messages and runs know it from there. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { beforeAll, describe, expect, it } from "vitest";

import { type CopyOfProject, copyOfProject, promisedFiles } from "./support/copy-of-project.ts";

const ROW = `  {
    name: "tally",
    version: "1",
    description: "TALLY: how many strokes there are",
    maxTokens: 64,
    instruction: "Put how many there are within \\\\boxed{}.",
    grader: "number",
  },`;
const DOCS_LINE = "| `tally` | the file's | a file only | number | - |";

let project: CopyOfProject;

beforeAll(async () => {
  project = await copyOfProject("task");
  await project.insertAfter("src/eval/tasks/index.ts", /^ {2}micro,$/u, ROW);
  await project.insertAfter("docs/tasks.md", /^\| `micro` \|/u, DOCS_LINE);
  await project.build();
});

describe("a task that somebody adds", () => {
  it("touches as many files as CONTRIBUTING.md says", async () => {
    expect(project.touched).toEqual(["docs/tasks.md", "src/eval/tasks/index.ts"]);
    expect(await promisedFiles("an eval task")).toBe(project.touched.length);
  });

  it("is in the help, and among the tasks that an error names", async () => {
    const help = await project.run(["eval", "--help"]);
    expect(help.stdout).toMatch(/^ {2}tally +TALLY: how many strokes there are$/mu);
    const unknown = await project.run(["eval", "no-such-task"]);
    expect(unknown).toMatchObject({ status: 2, stdout: "" });
    expect(unknown.stderr).toContain("tasks: micro, tally, aime24");
  });

  it("asks for a file where the hub does not have it, and is run on one", async () => {
    const without = await project.run(["eval", "tally", "--arms", "never"]);
    expect(without.status).toBe(2);
    expect(without.stderr).toContain("tally:FILE.jsonl");

    await writeFile(join(project.folder, "strokes.jsonl"), '{"problem":"|||","answer":3}\n');
    const run = await project.run(
      "eval tally:strokes.jsonl --arms never --max-tokens 8 --out run --json".split(" "),
    );
    expect(run.status, run.stderr).toBe(0);
    const { task } = JSON.parse(run.stdout) as { readonly task: unknown };
    expect(task).toMatchObject({ name: "tally", problems: 1 });
    const report = await project.run(["report", "run"]);
    expect(report.stdout, report.stderr).toContain("tally");
  });

  it("has its file beside the configuration of a training run", async () => {
    await mkdir(join(project.folder, "settings"));
    await writeFile(
      join(project.folder, "settings", "run.json"),
      '{"model":"../models/micro/small","big":"micro:big","data":"tally:strokes.jsonl"}',
    );
    const training = await project.run("train grpo --config settings/run.json --out training".split(" "));
    expect(training.status).toBe(1);
    expect(training.stderr).toContain(`cannot read ${join("settings", "strokes.jsonl")}`);
  });
});
