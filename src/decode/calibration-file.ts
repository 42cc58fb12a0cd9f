/** The calibration beside a model's file, where there is one. */
import { dirname, join } from "node:path";

import { ConfigError, DataError, errorMessage } from "../core/errors.ts";
import { readTextFile, writeFileAtomic } from "../core/files.ts";
import { localModelFile, modelFileDigest } from "../engines/open-engine.ts";
import { biasForShare, type Calibration, CALIBRATION_FILE, calibrationSchema } from "./calibration.ts";
import type { PairConfig } from "./pair-config.ts";

/** Where the calibration of this small model is kept; undefined when the model is not on this machine. */
export function calibrationPath(small: string): string | undefined {
  const file = localModelFile(small);
  return file === undefined ? undefined : join(dirname(file), CALIBRATION_FILE);
}

/** @throws DataError when the file is not a calibration. */
export async function readCalibration(path: string): Promise<Calibration> {
  const text = await readTextFile(path, 1024 * 1024);
  try {
    return calibrationSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new DataError(`${path} is not a calibration: ${errorMessage(error)}`, {
      code: "file-invalid",
      cause: error,
    });
  }
}

export async function writeCalibration(path: string, calibration: Calibration): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(calibration, null, 2)}\n`);
}

/**
 * The pair with the bias at which its big model writes this share of the tokens, as it was measured.
 * @throws ConfigError when this small model has no calibration, or one that was made for another file.
 */
export async function withShare(config: PairConfig, share: number): Promise<PairConfig> {
  const path = calibrationPath(config.small);
  const advice = `Measure it: splitreason calibrate --target-share ${share}.`;
  if (path === undefined) {
    throw new ConfigError(
      `--share needs a calibration beside the small model, and ${config.small} is not on this machine. Use --bias or --budget.`,
      {
        code: "config-invalid",
      },
    );
  }
  let calibration: Calibration;
  try {
    calibration = await readCalibration(path);
  } catch (error) {
    if (!(error instanceof DataError) || error.code !== "file-missing") throw error;
    throw new ConfigError(`--share needs a calibration, and there is no ${path}. ${advice}`, {
      code: "config-invalid",
      cause: error,
    });
  }
  const digest = await modelFileDigest(config.small);
  if (calibration.small.digest !== undefined && calibration.small.digest !== digest) {
    throw new ConfigError(
      `${path} was made for another small model (its file has changed since). ${advice}`,
      {
        code: "config-invalid",
      },
    );
  }
  return { ...config, dial: { ...config.dial, bias: biasForShare(calibration.points, share) } };
}
