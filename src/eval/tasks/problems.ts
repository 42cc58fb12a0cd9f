/** Reads the problems of a benchmark, from a file or from rows of the hub. */
import { z } from "zod";

import { DataError } from "../../core/errors.ts";
import { readTextFile } from "../../core/files.ts";
import { parseJsonLines } from "../../core/json-lines.ts";
import { firstFault } from "../../core/schema-faults.ts";
import type { HubDataset } from "./benchmark.ts";
import type { TaskProblem } from "./task.ts";

/** Fetches the rows of a data set on the hub. The caller provides it, since `data` and `eval` do not import each other. */
export type FetchRows = (dataset: HubDataset, signal: AbortSignal) => Promise<readonly unknown[]>;

const MAX_BYTES = 256 * 1024 ** 2;
const MAX_TEXT = 100_000;

const shown = (value: unknown): string => (JSON.stringify(value) ?? String(value)).slice(0, 80);

const text = z
  .string({ error: ({ input }) => `it must be a text, not ${shown(input)}` })
  .min(1, "it is empty")
  .max(MAX_TEXT);
const answerText = z
  .union([text, z.number()], { error: ({ input }) => `it must be a text or a number, not ${shown(input)}` })
  .transform(String);

/** Whether the task's grader accepts an answer. A problem whose own answer it rejects teaches and measures nothing. */
export type AcceptsAnswer = (gold: string) => boolean;

/** Schema of a problem's row, under any of the names that benchmarks use. */
function rowSchemaFor(accepts: AcceptsAnswer) {
  return z
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
      const given = row.answer ?? row.Answer;
      if (problem === undefined || given === undefined) {
        context.addIssue({
          code: "custom",
          message: `needs "problem" (or "question") and "answer"; it has ${Object.keys(row).slice(0, 8).join(", ")}`,
        });
        return z.NEVER;
      }
      const answer = afterHashes(given);
      if (!accepts(answer)) {
        context.addIssue({
          code: "custom",
          path: ["answer"],
          message: `the task's grader would not take it for right itself: ${shown(answer)} is no answer of this task`,
        });
        return z.NEVER;
      }
      return { id: row.id, problem, answer };
    });
}

/** GSM8K's own rows end a worked solution in "#### 18". */
const afterHashes = (answer: string): string =>
  answer
    .slice(answer.lastIndexOf("####") + 1)
    .replace(/^###\s*/u, "")
    .trim();

const acceptsAll: AcceptsAnswer = () => true;

/** @throws DataError naming the line that cannot be used, and what stands there. */
export async function problemsOfFile(
  path: string,
  prefix: string,
  accepts = acceptsAll,
): Promise<readonly TaskProblem[]> {
  const content = await readTextFile(path, MAX_BYTES);
  return withIds(parseJsonLines(content, rowSchemaFor(accepts), path), prefix, path);
}

/** @throws DataError naming the row that cannot be used, and what stands there. */
export function problemsOfRows(
  rows: readonly unknown[],
  prefix: string,
  where: string,
  accepts = acceptsAll,
): readonly TaskProblem[] {
  const schema = rowSchemaFor(accepts);
  const parsed = rows.map((row, index) => {
    const result = schema.safeParse(row);
    if (result.success) return result.data;
    throw new DataError(`${where}, row ${index + 1}: ${firstFault(result.error, schema, row)}.`, {
      code: "data-invalid",
      cause: result.error,
    });
  });
  return withIds(parsed, prefix, where);
}

function withIds(
  rows: readonly z.output<ReturnType<typeof rowSchemaFor>>[],
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
