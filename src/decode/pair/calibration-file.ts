/** The calibration beside a model's file, where there is one. */
import { dirname, join } from "node:path";

import { readDocument } from "../../core/document.ts";
import { ConfigError, DataError } from "../../core/errors.ts";
import { writeFileAtomic } from "../../core/files.ts";
import { localAdapterFile, localModelFile, modelFileDigest } from "../../engines/open/open-engine.ts";
import { type Calibration, CALIBRATION_FILE, calibrationSchema, dialForShare } from "../dial/calibration.ts";
import { dialSchema } from "../dial/dial.ts";
import type { PairConfig } from "./pair-config.ts";

/** Where the calibration of this small model is kept; undefined when the model is not on this machine. */
export function calibrationPath(small: string): string | undefined {
  const file = localAdapterFile(small) ?? localModelFile(small);
  return file === undefined ? undefined : join(dirname(file), CALIBRATION_FILE);
}

/** @throws DataError when the file is no calibration, or one of an earlier format. */
export const readCalibration = (path: string): Promise<Calibration> =>
  readDocument(path, calibrationSchema, {
    name: `calibration ${path}`,
    source: "file",
    advice: "Make it again with splitreason calibrate.",
  });

export async function writeCalibration(path: string, calibration: Calibration): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(calibration, null, 2)}\n`);
}

/**
 * The pair with the dial at which its big model wrote this share of the tokens when it was measured. The calibration is the pair's own, or
 * the one beside the small model's file.
 * @param pairFlags How a command names this pair, for advice. Default: by its two models.
 * @throws ConfigError when this small model has no calibration, or one that was made for another file or another big model.
 */
export async function withShare(
  config: PairConfig,
  share: number,
  pairFlags = modelFlags(config),
): Promise<PairConfig> {
  const path = config.calibration ?? calibrationPath(config.small);
  // Without a place of its own, the table must be named when it is used.
  const out = path === undefined ? CALIBRATION_FILE : config.calibration;
  const target = out === undefined ? "" : ` --out ${quoted(out)}`;
  const use = path === undefined ? `, then give --calibration ${CALIBRATION_FILE}` : "";
  const advice = `Measure it: splitreason calibrate --target-share ${share} ${pairFlags}${target}${use}.`;
  const refuse = (what: string, cause?: unknown): ConfigError =>
    new ConfigError(what, { code: "config-invalid", ...(cause === undefined ? {} : { cause }) });
  if (path === undefined) {
    throw refuse(
      `--share needs a calibration, and ${config.small} is not on this machine, so that none lies beside it. ${advice}`,
    );
  }
  let calibration: Calibration;
  try {
    calibration = await readCalibration(path);
  } catch (error) {
    if (!(error instanceof DataError) || error.code !== "file-missing") throw error;
    throw refuse(`--share needs a calibration, and there is no ${path}. ${advice}`, error);
  }
  if (!(await isSame(calibration.small, config.small))) {
    const changed =
      calibration.small.spec === config.small ? "its file has changed since" : calibration.small.spec;
    throw refuse(`${path} was made for another small model (${changed}) than ${config.small}. ${advice}`);
  }
  // The name is enough here: reading a large file takes long, and the share depends mostly on the small model.
  if (calibration.big.spec !== config.big && !(await isSame(calibration.big, config.big))) {
    throw refuse(
      `${path} was made with another big model (${calibration.big.spec}) than ${config.big}. ${advice}`,
    );
  }
  const measured = JSON.stringify(calibration.dial ?? {});
  const asked = JSON.stringify(furtherDial(config));
  // A request may have narrower limits than the measurement. A table that was made under limits is useless without them.
  if (measured !== "{}" && measured !== asked) {
    throw refuse(
      `${path} was measured with the dial at ${measured}, and is asked for one at ${asked}: set the same. Or measure again: ${advice.slice("Measure it: ".length)}`,
    );
  }
  return { ...config, dial: { ...config.dial, ...dialForShare(calibration.points, share) } };
}

/**
 * The pair with the lengths of answers and spans that its calibration measured, unless it names them. Without a calibration, or with one that cannot
 * be read or is another model's, it stays as it is: a budget then knows nothing beforehand.
 */
export async function withMeasuredLengths(config: PairConfig): Promise<PairConfig> {
  if (config.options.expected.tokens > 0) return config;
  try {
    const path = config.calibration ?? calibrationPath(config.small);
    if (path === undefined) return config;
    const { expected, small } = await readCalibration(path);
    if (expected === undefined || small.spec !== config.small) return config;
    return { ...config, options: { ...config.options, expected } };
  } catch (error) {
    // A spec that is wrong, or a file that is missing, is for those who open the model to say.
    if (error instanceof DataError || error instanceof ConfigError) return config;
    throw error;
  }
}

const modelFlags = ({ small, big }: PairConfig): string => `--small ${quoted(small)} --big ${quoted(big)}`;

/** Quotes a word for a shell: specs of models on a server have `#`, `?` and `&`. */
export const quoted = (text: string): string =>
  /^[\w./:@%+=,-]+$/u.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

/** The settings of the dial that are not the default and that a calibration does not find, in the order of their names. */
export function furtherDial({ dial }: Pick<PairConfig, "dial">): Readonly<Record<string, number | boolean>> {
  const usual: Readonly<Record<string, unknown>> = dialSchema.parse({});
  const { bias: _bias, reject: _reject, ...further } = dial;
  return Object.fromEntries(
    Object.entries(further)
      .filter(
        (entry): entry is [string, number | boolean] =>
          entry[1] !== undefined && entry[1] !== usual[entry[0]],
      )
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** Whether the measured model is the one of this spec. A model on this machine is known by its file, any other by its spec. */
async function isSame(measured: Calibration["small"], spec: string): Promise<boolean> {
  return measured.digest === undefined
    ? measured.spec === spec
    : measured.digest === (await modelFileDigest(spec));
}
