/**
 * Writers: rows into JSON Lines or parquet, as streams with flat memory. A file appears under its name when it is whole; until then, and
 * after a failure, what stood there stands there.
 */
export { openJsonLinesWriter } from "./json-lines-writer.ts";
export { openRowWriter, type RowWriter, writeRows } from "./row-writer.ts";
export { booleans, integers, listOf, type ParquetColumn, structOf, texts } from "./parquet-schema.ts";
export { TRACE_COLUMNS } from "./trace-columns.ts";
