/** The columns of trace rows in parquet: the fields of the row, under their names. */
import type { TraceRow } from "../../formats/trace-row.ts";
import {
  booleans,
  integers,
  listOf,
  numbers,
  type ParquetColumn,
  structOf,
  texts,
} from "./parquet-schema.ts";

const SPAN = structOf("span", [integers("start"), integers("end"), numbers("score"), integers("edits")]);

const BY_FIELD: { readonly [Field in keyof Required<TraceRow>]: ParquetColumn } = {
  id: texts("id", { long: true }),
  problem: texts("problem", { long: true }),
  trace: texts("trace", { long: true }),
  answer: texts("answer"),
  spans: listOf("spans", SPAN),
  annotator: texts("annotator"),
  source: texts("source"),
  solution: texts("solution", { long: true }),
  correct: booleans("correct"),
  scores: structOf("scores", [listOf("offsets", integers("offset")), listOf("gap", numbers("gap"))]),
  error: texts("error"),
};

export const TRACE_COLUMNS: readonly ParquetColumn[] = Object.values(BY_FIELD);
