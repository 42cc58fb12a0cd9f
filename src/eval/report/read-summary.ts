/** Reads summary.json of a run's folder, within bounds. */
import { existsSync } from "node:fs";
import { join } from "node:path";

import { readDocument } from "../../core/document.ts";
import { DataError } from "../../core/errors.ts";
import { SUMMARY_FILE } from "../rows.ts";
import { type EvaluationSummary, summarySchema } from "../summary-schema.ts";

const MAX_BYTES = 64 * 1024 ** 2;
/** Nobody could tell more apart in a plot, or read them in a table. */
const MAX_ARMS = 100;
const MAX_NAME_UNITS = 200;

/** @throws DataError when the folder holds no finished run, or its summary is something else. */
export async function readSummary(folder: string): Promise<EvaluationSummary> {
  const path = join(folder, SUMMARY_FILE);
  if (!existsSync(path) && existsSync(join(folder, "run.json"))) {
    throw new DataError(
      `${folder} holds a run that has not ended: the same command with the same --out continues it.`,
      { code: "file-missing" },
    );
  }
  if (!existsSync(path)) {
    throw new DataError(
      `${folder} is not the folder of a run: it has no summary.json. \`splitreason eval TASK --out ${folder}\` makes one.`,
      { code: "file-missing" },
    );
  }
  const name = `evaluation summary ${path}`;
  const summary = await readDocument(path, summarySchema, { name, source: "file", maxBytes: MAX_BYTES });
  const invalid = (what: string): DataError => new DataError(`${name}: ${what}.`, { code: "file-invalid" });
  const { arms } = summary;
  if (arms.length === 0 || arms.length > MAX_ARMS) {
    throw invalid(`it has ${arms.length} arms; a report can show 1 to ${MAX_ARMS}`);
  }
  for (const [index, { name }] of arms.entries()) {
    if (name.length > MAX_NAME_UNITS) throw invalid(`the name of an arm has ${name.length} characters`);
    if (arms.findIndex((arm) => arm.name === name) !== index) {
      throw invalid(`arm ${JSON.stringify(name)} is in it twice`);
    }
  }
  return summary;
}
