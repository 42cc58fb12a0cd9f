/** The table that `calibrate` writes: what was measured, and of which models on which problems. */
import type { Calibration } from "../../decode/dial/calibration.ts";
import { furtherDial } from "../../decode/pair/calibration-file.ts";
import { modelFileDigest } from "../../engines/open/open-engine.ts";
import type { CalibrationResult, CalibrationSettings } from "./calibrate.ts";

export async function calibrationTable(
  { pair, task, problems, seed }: Pick<CalibrationSettings, "pair" | "task" | "problems" | "seed">,
  { points, git, expected }: CalibrationResult,
): Promise<Calibration> {
  const described = async (spec: string): Promise<Calibration["small"]> => {
    const digest = await modelFileDigest(spec);
    return digest === undefined ? { spec } : { spec, digest };
  };
  const dial = furtherDial(pair);
  return {
    format: "splitreason-calibration-2",
    small: await described(pair.small),
    big: await described(pair.big),
    task: { name: task.name, version: task.version, problems },
    seed,
    temperature: pair.sampling.temperature,
    ...(Object.keys(dial).length === 0 ? {} : { dial }),
    ...(expected === undefined ? {} : { expected }),
    git,
    points,
  };
}
