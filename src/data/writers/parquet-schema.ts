/** Columns of a parquet file: texts, numbers, and lists and structs of them; and the columns of trace rows. Every value may be missing. */
import type { SchemaElement } from "hyparquet";

import type { TraceRow } from "../../formats/trace-row.ts";

export interface ParquetColumn {
  readonly name: string;
  /** The elements of the column in the schema, in depth-first order. */
  readonly elements: readonly SchemaElement[];
  /** Whether to write without a dictionary, as suits long texts. */
  readonly plain: boolean;
}

const leaf = (name: string, rest: Omit<SchemaElement, "name">, plain = false): ParquetColumn => ({
  name,
  elements: [{ name, repetition_type: "OPTIONAL", ...rest }],
  plain,
});

/** A column of texts; `long` for texts that hardly repeat. */
export const texts = (name: string, { long = false } = {}): ParquetColumn =>
  leaf(name, { type: "BYTE_ARRAY", converted_type: "UTF8", logical_type: { type: "STRING" } }, long);
/** A column of 32-bit integers. */
export const integers = (name: string): ParquetColumn => leaf(name, { type: "INT32" });
const numbers = (name: string): ParquetColumn => leaf(name, { type: "DOUBLE" });
export const booleans = (name: string): ParquetColumn => leaf(name, { type: "BOOLEAN" });

export const structOf = (name: string, fields: readonly ParquetColumn[]): ParquetColumn => ({
  name,
  elements: [
    { name, repetition_type: "OPTIONAL", num_children: fields.length },
    ...fields.flatMap((field) => field.elements),
  ],
  plain: fields.some((field) => field.plain),
});

/** A column of lists. The name of `item` is not used. */
export const listOf = (name: string, item: ParquetColumn): ParquetColumn => {
  const [first, ...deeper] = item.elements;
  return {
    name,
    elements: [
      {
        name,
        repetition_type: "OPTIONAL",
        num_children: 1,
        converted_type: "LIST",
        logical_type: { type: "LIST" },
      },
      { name: "list", repetition_type: "REPEATED", num_children: 1 },
      ...(first === undefined ? [] : [{ ...first, name: "element" }]),
      ...deeper,
    ],
    plain: item.plain,
  };
};

/** The schema of a file with these columns. */
export const schemaOf = (columns: readonly ParquetColumn[]): SchemaElement[] => [
  { name: "schema", num_children: columns.length },
  ...columns.flatMap((column) => column.elements),
];

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
  rollout: structOf("rollout", [
    ...["configHash", "small", "big", "policy", "grain", "problem"].map((name) => texts(name)),
    ...["temperature", "seed", "share"].map(numbers),
    ...["sample", "tokens"].map(integers),
    booleans("sameTokens"),
    texts("git"),
  ]),
  error: texts("error"),
};

export const TRACE_COLUMNS: readonly ParquetColumn[] = Object.values(BY_FIELD);
