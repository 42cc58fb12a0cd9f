/** Evaluates the checkpoints of one seed on the same test problems, at temperature 0. */
import { existsSync } from "node:fs";
import { join } from "node:path";

import { systemClock } from "../../src/core/clock.ts";
import { MICRO_PAIR } from "../../src/decode/pair/pair-config.ts";
import { parseArms } from "../../src/eval/arms/arms.ts";
import { evaluate } from "../../src/eval/run/evaluate.ts";
import type { RowFigures } from "../../src/eval/row.ts";
import { microTask } from "../../src/eval/tasks/micro.ts";

/** An arm of the comparison: its name, the checkpoint, and how it decodes. */
const CHECKPOINTS = [
  { folder: "ours/grpo/best", arms: "small,big,learned,never,self,random~learned", prefix: "ours" },
  { folder: "ours/tuned/export", arms: "learned", prefix: "sft" },
  { folder: "paper/best", arms: "learned,never", prefix: "paper" },
  { folder: "random-spans/tuned/export", arms: "learned", prefix: "random-spans sft" },
  { folder: "random-spans/grpo/best", arms: "learned", prefix: "random-spans searched" },
  { folder: "random-spans/refined/best", arms: "learned", prefix: "random-spans ours" },
  { folder: "broken-mask/best", arms: "learned,never", prefix: "broken mask" },
] as const;

export interface ArmOutcome {
  readonly name: string;
  /** In the order of the problems, the same for all arms. */
  readonly correctP: readonly boolean[];
  readonly smallTokens: number;
  readonly bigTokens: number;
}

export interface SeedFigures {
  readonly seed: number;
  readonly arms: readonly ArmOutcome[];
}

export async function evaluateSeed(
  seed: number,
  { work, problems }: { readonly work: string; readonly problems: number },
): Promise<SeedFigures> {
  const arms: ArmOutcome[] = [];
  for (const { folder, arms: names, prefix } of CHECKPOINTS) {
    const model = join(work, `seed-${seed}`, folder, "model.gguf");
    if (!existsSync(model)) {
      console.error(`seed ${seed}, ${prefix}: not trained`);
      continue;
    }
    const { rows } = await evaluate(
      {
        pair: {
          ...MICRO_PAIR,
          small: `gguf:${model}`,
          big: "gguf:models/micro/big/model.gguf",
          smallBase: "gguf:models/micro/small-base/model.gguf",
        },
        task: microTask,
        arms: parseArms(names),
        problems,
        samples: 1,
        seed: 1,
        concurrency: 16,
        threads: 1,
        randomChunk: 32,
        out: join(work, `seed-${seed}`, "eval", prefix.replaceAll(" ", "-")),
      },
      {
        clock: systemClock,
        signal: new AbortController().signal,
        onRow: (_, done, total) => {
          if (done % 1000 === 0)
            console.error(`seed ${seed}, ${prefix}: ${done} of ${total} samples evaluated`);
        },
      },
    );
    for (const { name } of parseArms(names)) {
      arms.push(
        outcome(
          armName(prefix, name),
          rows.filter((row) => row.arm === name),
        ),
      );
    }
  }
  return { seed, arms };
}

/** `small` and `big` are the same whichever checkpoint is asked about. */
const armName = (prefix: string, arm: string): string =>
  arm === "small" || arm === "big" ? arm : `${prefix}, ${arm}`;

function outcome(name: string, rows: readonly RowFigures[]): ArmOutcome {
  const ordered = rows.toSorted((a, b) => (a.problemId < b.problemId ? -1 : 1));
  const sum = (pick: (row: RowFigures) => number): number =>
    ordered.reduce((total, row) => total + pick(row), 0);
  return {
    name,
    correctP: ordered.map(({ correct }) => correct),
    smallTokens: sum(({ usage }) => usage.smallTokens),
    bigTokens: sum(({ usage }) => usage.bigTokens),
  };
}
