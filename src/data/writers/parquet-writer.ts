/** Writes parquet, one row group at a time. */
import { fileWriter, ParquetWriter } from "hyparquet-writer";

import { DataError } from "../../core/errors.ts";
import { fileAside } from "./file-aside.ts";
import { type ParquetColumn, schemaOf } from "./parquet-schema.ts";
import type { RowWriter } from "./row-writer.ts";

/** A row group ends at this many rows or this much text. */
const GROUP_ROWS = 1000;
const GROUP_UNITS = 32 * 1024 ** 2;

/** Opens a writer. Files are compressed with Snappy and have no dictionaries for long texts. */
export async function openParquetWriter(path: string, columns: readonly ParquetColumn[]): Promise<RowWriter> {
  const aside = await fileAside(path);
  const writer = new ParquetWriter({
    writer: fileWriter(aside.path),
    schema: schemaOf(columns),
    createdBy: "splitreason",
  });
  const names = new Set(columns.map(({ name }) => name));
  let rows: Readonly<Record<string, unknown>>[] = [];
  let units = 0;
  const flush = async (): Promise<void> => {
    const group = rows;
    rows = [];
    units = 0;
    await writer.write({
      columnData: columns.map(({ name, plain }) => ({
        name,
        data: group.map((row) => row[name]),
        ...(plain ? { encoding: "PLAIN" as const, statistics: false } : {}),
      })),
      rowGroupSize: GROUP_ROWS,
    });
  };
  return {
    write: async (row) => {
      for (const [field, value] of Object.entries(row)) {
        if (value !== undefined && !names.has(field)) {
          throw new DataError(`a row has the field ${field}, for which ${path} has no column.`, {
            code: "data-invalid",
          });
        }
        units += unitsOf(value);
      }
      rows.push(row);
      if (rows.length >= GROUP_ROWS || units >= GROUP_UNITS) await flush();
    },
    close: async () => {
      if (rows.length > 0) await flush();
      await writer.finish();
      await aside.keep();
    },
    abort: () => aside.discard(),
  };
}

/** Estimates the size of a value, in UTF-16 code units. */
function unitsOf(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + unitsOf(item), 0);
  if (typeof value === "object" && value !== null) return unitsOf(Object.values(value));
  return 4;
}
