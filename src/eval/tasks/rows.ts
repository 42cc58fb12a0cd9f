/** Where the problems of a benchmark come from, and what a row of them has to say. */
import { readFile } from "node:fs/promises";

import { z } from "zod";

import { DataError, errorMessage } from "../../core/errors.ts";
import { parseJsonLines } from "../../core/json-lines.ts";
import type { TaskProblem } from "../task.ts";

/** A data set as the hub names it. */
export interface HubDataset {
  /** `OWNER/NAME`. */
  readonly repository: string;
  readonly config?: string;
  readonly split: string;
}

/** Hands in the rows of a data set of the hub; the caller's, since `data` and `eval` do not know each other. */
export type FetchRows = (dataset: HubDataset, signal: AbortSignal) => Promise<readonly unknown[]>;

const MAX_BYTES = 256 * 1024 ** 2;
const MAX_TEXT = 100_000;

const text = z.string().min(1).max(MAX_TEXT);
const answerText = z.union([text, z.number()]).transform(String);

/** Rows by any of the names that benchmarks use. `solution` is only looked at for "#### ANSWER". */
const rowSchema = z
  .looseObject({
    id: z.union([z.string(), z.number()]).transform(String).optional(),
    problem: text.optional(),
    question: text.optional(),
    Problem: text.optional(),
    answer: answerText.optional(),
    Answer: answerText.optional(),
  })
  .transform((row, context) => {
    const problem = row.problem ?? row.question ?? row.Problem;
    const answer = row.answer ?? row.Answer;
    if (problem === undefined || answer === undefined) {
      context.addIssue({
        code: "custom",
        message: `needs "problem" (or "question") and "answer"; it has ${Object.keys(row).slice(0, 8).join(", ")}`,
      });
      return z.NEVER;
    }
    return { id: row.id, problem, answer: afterHashes(answer) };
  });

/** GSM8K's own rows end a worked solution in "#### 18". */
const afterHashes = (answer: string): string =>
  answer
    .slice(answer.lastIndexOf("####") + 1)
    .replace(/^###\s*/u, "")
    .trim();

/** @throws DataError naming the line that cannot be used. */
export async function problemsOfFile(path: string, prefix: string): Promise<readonly TaskProblem[]> {
  const content = await readFile(path).catch((error: unknown) => {
    throw new DataError(`cannot read ${path}: ${errorMessage(error)}`, {
      code: "file-unreadable",
      cause: error,
    });
  });
  if (content.byteLength > MAX_BYTES) {
    throw new DataError(`${path} has ${content.byteLength} bytes; at most ${MAX_BYTES} are read.`, {
      code: "file-invalid",
    });
  }
  return withIds(parseJsonLines(content.toString("utf8"), rowSchema, path), prefix, path);
}

/** @throws DataError naming the row that cannot be used. */
export function problemsOfRows(
  rows: readonly unknown[],
  prefix: string,
  where: string,
): readonly TaskProblem[] {
  const parsed = rows.map((row, index) => {
    const result = rowSchema.safeParse(row);
    if (result.success) return result.data;
    throw new DataError(`${where}, row ${index + 1}: ${result.error.issues[0]?.message ?? "invalid"}.`, {
      code: "data-invalid",
      cause: result.error,
    });
  });
  return withIds(parsed, prefix, where);
}

function withIds(
  rows: readonly z.output<typeof rowSchema>[],
  prefix: string,
  where: string,
): readonly TaskProblem[] {
  if (rows.length === 0) throw new DataError(`${where} has no problems.`, { code: "data-invalid" });
  const seen = new Set<string>();
  return rows.map(({ id, problem, answer }, index) => {
    const name = id ?? `${prefix}-${String(index).padStart(4, "0")}`;
    if (seen.has(name)) {
      throw new DataError(`${where}: the id ${JSON.stringify(name)} occurs twice; ids must be unique.`, {
        code: "data-invalid",
      });
    }
    seen.add(name);
    return { id: name, problem, gold: answer };
  });
}
