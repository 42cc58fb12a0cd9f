import { afterEach, describe, expect, it } from "vitest";

import { pairConfigSchema } from "../../decode/pair/pair-config.ts";
import { Pair } from "../../decode/pair/pair.ts";
import {
  failAfter,
  ScriptedEngine,
  type ScriptedHook,
  type ScriptedModel,
  scriptModel,
} from "../../engines/scripted/index.ts";
import { type Arm, parseArms } from "../arms/arms.ts";
import { createSolver, type SolverOptions } from "./solver.ts";
import type { TaskProblem } from "../tasks/task.ts";
import { microTask } from "../tasks/micro.ts";

const config = pairConfigSchema.parse({
  small: "micro:small",
  big: "micro:big",
  template: "chatml",
  openThinking: true,
});
const problem: TaskProblem = { id: "p", problem: "What is 4 times 4?", gold: "16" };

/** Asks for the product, takes the pen back after it, and boxes what it was given. */
const script = scriptModel([
  { after: "<think>\n", write: "4 times 4 is<bigmodel>" },
  { after: "<bigmodel>", write: " 16</bigmodel>" },
  { after: "</bigmodel>", write: ".\n</think>\n\\boxed{16}<|im_end|>" },
]);
/** Reads along in a chunk of the big model's text, beyond where it takes the pen back: there anything may come next. */
const smallScript: ScriptedModel = (context) =>
  /<bigmodel> 16[^<]/u.test(context.text) ? "?" : script(context);
const bigScript = scriptModel([
  { after: "4 times 4 is", write: " 16, as everybody knows" },
  { after: "<think>\n", write: "It is \\boxed{16}.<|im_end|>" },
]);

const open: ScriptedEngine[] = [];
function engine(next: ScriptedModel, name: string, hook?: ScriptedHook): ScriptedEngine {
  const made = new ScriptedEngine({ next, name, ...(hook === undefined ? {} : { hook }) });
  open.push(made);
  return made;
}
afterEach(() => {
  // Whatever a sample did: no sequence is left open.
  expect(open.map((made) => made.openSequences)).toEqual(open.map(() => 0));
  open.length = 0;
});

function solverWith(overrides: Partial<SolverOptions> & { readonly bigHook?: ScriptedHook } = {}) {
  const { bigHook, ...options } = overrides;
  return createSolver({
    task: microTask,
    tuned: new Pair(config, { small: engine(smallScript, "small"), big: engine(bigScript, "big", bigHook) }),
    maxTokens: 200,
    sampling: { temperature: 0 },
    dial: {},
    options: {},
    randomChunk: 32,
    ...options,
  });
}

const solveWith = (solver: ReturnType<typeof solverWith>, arm: string) => {
  const [parsed] = parseArms(arm) as [Arm];
  return solver({ arm: parsed, problem, seed: 1 }, new AbortController().signal);
};

describe("createSolver", () => {
  it("hands over under learned, and says who wrote what", async () => {
    const outcome = await solveWith(solverWith(), "learned");
    expect(outcome.segments).toEqual([
      { author: "small", text: "4 times 4 is", tokens: 12, reason: "start" },
      { author: "big", text: " 16", tokens: 3, reason: "open-tag" },
      {
        author: "small",
        text: ".\n</think>\n\\boxed{16}",
        tokens: expect.any(Number),
        reason: "close-prediction",
      },
    ]);
    expect(outcome).toMatchObject({ finishReason: "end-of-turn", usage: { bigTokens: 3, switches: 1 } });
    expect(outcome.error ?? outcome.degraded).toBeUndefined();
    expect(microTask.grade(outcome.text, problem)).toEqual({ answer: "16", correct: true });
  });

  it("counts an answer that was reached without the big model, and says that it was lost", async () => {
    const outcome = await solveWith(
      solverWith({ bigHook: failAfter(0), options: { bigRetries: 0 } }),
      "learned",
    );
    expect(outcome.degraded).toContain("the scripted engine fails");
    expect(outcome.error).toBeUndefined();
  });

  it("reports the failure of a lone big model as the sample's", async () => {
    const solver = solverWith({ bigHook: failAfter(3), options: { bigRetries: 0 } });
    const outcome = await solveWith(solver, "big");
    expect(outcome).toMatchObject({ finishReason: "error", text: "It " });
    expect(outcome.error).toContain("the scripted engine fails");
  });

  it("uses the checkpoint before tuning for the arm small, and asks for it when it is not there", async () => {
    const base = scriptModel([{ after: "<think>\n", write: "\\boxed{15}<|im_end|>" }]);
    const withBase = solverWith({ base: new Pair(config, { small: engine(base, "base") }) });
    expect((await solveWith(withBase, "small")).text).toBe("\\boxed{15}");
    await expect(solveWith(solverWith(), "small")).rejects.toThrow(
      /give --small-base SPEC, name it as "smallBase"/u,
    );
  });

  it("rejects a pair whose small model does not know the tags", async () => {
    const plain = scriptModel([{ after: "<think>\n", write: "x<|im_end|>" }]);
    const tuned = new Pair(config, { small: engine(plain, "small"), big: engine(bigScript, "big") });
    const solver = solverWith({ tuned, options: { tags: { open: "<ask>", close: "</ask>" } } });
    await expect(solveWith(solver, "learned")).rejects.toThrow("<ask> and </ask> as control tokens");
  });
});
