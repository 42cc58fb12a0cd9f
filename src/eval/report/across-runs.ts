/** Compares the same arm in two runs of the same problems, paired by problem. */
import { ConfigError } from "../../core/errors.ts";
import { createRng } from "../../core/rng.ts";
import type { OutcomesPS } from "../statistics/accuracy.ts";
import { compareArms, holmAdjusted } from "../statistics/comparison.ts";
import type { ReportComparison } from "./document.ts";

/** The problems of a run: their numbers by id, and hashes of their texts. */
export interface RunProblems {
  readonly task: string;
  readonly numbers: ReadonlyMap<string, number>;
  /** Hashes of problem and answer, by number. */
  readonly texts: readonly number[];
}

export interface ComparedArm {
  readonly label: string;
  readonly name: string;
  readonly run: number;
  /** Samples by the number of the problem in the run. */
  readonly samplesP: readonly number[];
  readonly rightP: readonly number[];
}

/** The sign-flip test on more problems would take more than some seconds. */
const MAX_PROBLEMS = 20_000;

export interface AcrossRuns {
  readonly comparisons: readonly ReportComparison[];
  /** Reasons why arms with the same name were not compared. */
  readonly reasons: readonly string[];
}

/** Compares each run's arms with those of the same name in the first run that has one. p-values are adjusted over all comparisons. */
export function compareAcrossRuns(
  runs: readonly RunProblems[],
  names: readonly string[],
  arms: readonly ComparedArm[],
): AcrossRuns {
  const comparisons: ReportComparison[] = [];
  const reasons = new Set<string>();
  for (const second of arms) {
    const first = arms.find(({ name }) => name === second.name);
    if (first === undefined || first === second) continue;
    const [base, other] = [runs[first.run], runs[second.run]];
    if (base === undefined || other === undefined) continue;
    const reason = whyNot(base, other, second);
    if (reason !== undefined) {
      reasons.add(`${names[first.run]} and ${names[second.run]} ${reason}`);
      continue;
    }
    const [firstPS, secondPS] = [outcomes(base, first, base), outcomes(other, second, base)];
    comparisons.push({
      first: second.label,
      second: first.label,
      kind: "runs",
      problems: base.numbers.size,
      ...compareArms(secondPS, firstPS, createRng(0).fork(`runs ${second.label} ${first.label}`)),
      control: false,
    });
  }
  const adjusted = holmAdjusted(comparisons.map(({ pValue }) => pValue));
  return {
    comparisons: comparisons.map((comparison, index) => ({
      ...comparison,
      pAdjusted: adjusted[index] ?? comparison.pValue,
    })),
    reasons: [...reasons],
  };
}

function whyNot(base: RunProblems, other: RunProblems, arm: ComparedArm): string | undefined {
  if (base.task !== other.task) return "are of different tasks, so their arms are not compared.";
  const same =
    base.numbers.size === other.numbers.size &&
    [...base.numbers].every(([id, number]) => {
      const place = other.numbers.get(id);
      return place !== undefined && other.texts[place] === base.texts[number];
    });
  if (!same) {
    return "are of different problems, so their arms are not paired: compare their intervals.";
  }
  if (base.numbers.size > MAX_PROBLEMS) {
    return `have more than ${MAX_PROBLEMS.toLocaleString("en-US")} problems, too many to pair here.`;
  }
  if (arm.samplesP.length < other.numbers.size || arm.samplesP.includes(0)) {
    return `are not paired for ${arm.name}: it has no sample of some problems.`;
  }
  return undefined;
}

/** Outcomes in the order of the base run's problems. */
const outcomes = (own: RunProblems, arm: ComparedArm, base: RunProblems): OutcomesPS =>
  [...base.numbers.keys()].map((id) => {
    const number = own.numbers.get(id) ?? -1;
    const right = arm.rightP[number] ?? 0;
    return Array.from({ length: arm.samplesP[number] ?? 0 }, (_, sample) => sample < right);
  });

const MAX_NAME_UNITS = 60;

/**
 * Returns the given names, or else as many last parts of the folders' paths as make them different.
 * @throws ConfigError when a folder is given twice, or the names do not fit the folders.
 */
export function runNames(folders: readonly string[], given?: readonly string[]): string[] {
  if (given !== undefined) {
    if (given.length !== folders.length || new Set(given).size !== given.length) {
      throw new ConfigError(
        `--names ${given.join(",")} must be one name for each of the ${folders.length} runs, all different.`,
        { code: "usage" },
      );
    }
    return given.map((name) => name.slice(0, MAX_NAME_UNITS));
  }
  const parts = folders.map((folder) =>
    folder.split(/[\\/]+/u).filter((part) => part !== "" && part !== "."),
  );
  const longest = Math.max(...parts.map(({ length }) => length));
  for (let last = 1; last <= longest; last++) {
    const names = parts.map((path) => path.slice(-last).join("/").slice(-MAX_NAME_UNITS) || "run");
    if (new Set(names).size === names.length) return names;
  }
  throw new ConfigError(
    `the folders ${folders.join(", ")} have the same names: give each folder once, or name the runs with --names.`,
    { code: "usage" },
  );
}
