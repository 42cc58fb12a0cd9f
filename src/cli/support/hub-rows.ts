/** Rows of a benchmark from the hub, for tasks: `eval` knows no hub and `data` no tasks. */
import { DataError } from "../../core/errors.ts";
import { hubAccessFrom } from "../../data/hub/access.ts";
import { bytesOf } from "../../data/files/data-file.ts";
import { jsonLineRecords } from "../../data/readers/json-lines.ts";
import { parquetRecords } from "../../data/readers/parquet.ts";
import type { FetchRows } from "../../eval/tasks/problems.ts";
import type { Terminal } from "./terminal.ts";

const COLUMNS: ReadonlySet<string> = new Set(["id", "problem", "question", "Problem", "answer", "Answer"]);
const MAX_ROWS = 200_000;

/** @throws (what it returns) DataError when the data set cannot be reached or read. */
export function hubRows(terminal: Terminal): FetchRows {
  return async ({ repository, config, split }, signal) => {
    const { openHubFiles } = await import("../../data/hub/files.ts");
    const source = {
      kind: "hub",
      repo: repository,
      split,
      ...(config === undefined ? {} : { config }),
    } as const;
    const files = await openHubFiles(source, hubAccessFrom(terminal.environment), signal);
    const rows: unknown[] = [];
    try {
      for (const file of files) {
        const records =
          file.format === "jsonl"
            ? jsonLineRecords(bytesOf(file, signal), file.name)
            : parquetRecords(file, { columns: COLUMNS, signal });
        for await (const { place, content } of records) {
          if ("fault" in content)
            throw new DataError(`${place}: ${content.fault}.`, { code: "data-invalid" });
          rows.push(content.value);
          if (rows.length > MAX_ROWS) {
            throw new DataError(`hf:${repository} has more than ${MAX_ROWS} rows.`, { code: "data-invalid" });
          }
        }
      }
    } finally {
      await Promise.all(files.map((file) => file.close()));
    }
    return rows;
  };
}
