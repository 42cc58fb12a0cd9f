/** Reads the rows of a benchmark from the hub. It lies here because `eval` knows no hub and `data` no tasks. */
import { given } from "../../core/given.ts";
import { DataError } from "../../core/errors.ts";
import { hubAccessFrom } from "../../data/hub/calls.ts";
import { readRecords } from "../../data/readers/records.ts";
import type { FetchRows } from "../../eval/tasks/problems.ts";
import type { Terminal } from "./terminal.ts";

const COLUMNS: ReadonlySet<string> = new Set(["id", "problem", "question", "Problem", "answer", "Answer"]);
const MAX_ROWS = 200_000;

/** The returned function throws a DataError when the data set cannot be reached or read. */
export function hubRows(terminal: Terminal): FetchRows {
  return async ({ repository, config, split }, signal) => {
    const source = {
      kind: "hub",
      repo: repository,
      split,
      ...given({ config }),
    } as const;
    const hub = hubAccessFrom(terminal.environment);
    const rows: unknown[] = [];
    for await (const { place, content } of readRecords(source, COLUMNS, { hub, signal })) {
      if ("fault" in content) throw new DataError(`${place}: ${content.fault}.`, { code: "data-invalid" });
      rows.push(content.value);
      if (rows.length > MAX_ROWS) {
        throw new DataError(`hf:${repository} has more than ${MAX_ROWS} rows.`, { code: "data-invalid" });
      }
    }
    return rows;
  };
}
