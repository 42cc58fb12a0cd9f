/**
 * The vocabulary of the GGUF format, version 3, as llama.cpp reads it (ggml/docs/gguf.md): a header, typed key-value
 * metadata, tensor descriptions, and aligned tensor data. Everything is little endian.
 */

/** Ids of the metadata types in the file. */
export const GGUF_TYPE_IDS = {
  uint8: 0,
  int8: 1,
  uint16: 2,
  int16: 3,
  uint32: 4,
  int32: 5,
  float32: 6,
  bool: 7,
  string: 8,
  array: 9,
  uint64: 10,
  int64: 11,
  float64: 12,
} as const;

export type GgufNumberType =
  | "uint8"
  | "int8"
  | "uint16"
  | "int16"
  | "uint32"
  | "int32"
  | "float32"
  | "float64";
export const NUMBER_BYTES: Readonly<Record<GgufNumberType, number>> = {
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  float64: 8,
};
type GgufBigintType = "uint64" | "int64";
export type GgufScalarType = GgufNumberType | GgufBigintType | "bool" | "string";

type GgufScalar =
  | { readonly type: GgufNumberType; readonly value: number }
  | { readonly type: GgufBigintType; readonly value: bigint }
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "string"; readonly value: string };

type GgufArray =
  | { readonly type: "array"; readonly of: GgufNumberType; readonly values: readonly number[] }
  | { readonly type: "array"; readonly of: GgufBigintType; readonly values: readonly bigint[] }
  | { readonly type: "array"; readonly of: "bool"; readonly values: readonly boolean[] }
  | { readonly type: "array"; readonly of: "string"; readonly values: readonly string[] };

/** One metadata value with its type in the file: readers of the format insist on the exact type. */
export type GgufValue = GgufScalar | GgufArray;

export const ggufUint32 = (value: number): GgufValue => ({ type: "uint32", value });
export const ggufFloat32 = (value: number): GgufValue => ({ type: "float32", value });
export const ggufBool = (value: boolean): GgufValue => ({ type: "bool", value });
export const ggufString = (value: string): GgufValue => ({ type: "string", value });
export const ggufStrings = (values: readonly string[]): GgufValue => ({
  type: "array",
  of: "string",
  values,
});
export const ggufInt32s = (values: readonly number[]): GgufValue => ({ type: "array", of: "int32", values });

/** The values of `tokenizer.ggml.token_type`. Only control tokens are kept out of plain text. */
export const GGUF_TOKEN_TYPES = {
  normal: 1,
  unknown: 2,
  control: 3,
  userDefined: 4,
  unused: 5,
  byte: 6,
} as const;

export interface TensorEncoding {
  readonly name: string;
  /** Elements in one block: the innermost dimension is a multiple of it. */
  readonly blockElements: number;
  readonly blockBytes: number;
  /** Whether llama.cpp can multiply by a matrix of this type (the others end the process when used as weights). */
  readonly isWeight: boolean;
}

const encoding = (
  name: string,
  blockElements: number,
  blockBytes: number,
  isWeight = true,
): TensorEncoding => ({
  name,
  blockElements,
  blockBytes,
  isWeight,
});

const GGML_F32 = 0;

/** Tensor types by their id in the file (ggml.h, `enum ggml_type`); ids that are missing were withdrawn. */
export const TENSOR_ENCODINGS: ReadonlyMap<number, TensorEncoding> = new Map([
  [GGML_F32, encoding("F32", 1, 4)],
  [1, encoding("F16", 1, 2)],
  [2, encoding("Q4_0", 32, 18)],
  [3, encoding("Q4_1", 32, 20)],
  [6, encoding("Q5_0", 32, 22)],
  [7, encoding("Q5_1", 32, 24)],
  [8, encoding("Q8_0", 32, 34)],
  [9, encoding("Q8_1", 32, 36, false)],
  [10, encoding("Q2_K", 256, 84)],
  [11, encoding("Q3_K", 256, 110)],
  [12, encoding("Q4_K", 256, 144)],
  [13, encoding("Q5_K", 256, 176)],
  [14, encoding("Q6_K", 256, 210)],
  [15, encoding("Q8_K", 256, 292, false)],
  [16, encoding("IQ2_XXS", 256, 66)],
  [17, encoding("IQ2_XS", 256, 74)],
  [18, encoding("IQ3_XXS", 256, 98)],
  [19, encoding("IQ1_S", 256, 50)],
  [20, encoding("IQ4_NL", 32, 18)],
  [21, encoding("IQ3_S", 256, 110)],
  [22, encoding("IQ2_S", 256, 82)],
  [23, encoding("IQ4_XS", 256, 136)],
  [24, encoding("I8", 1, 1, false)],
  [25, encoding("I16", 1, 2, false)],
  [26, encoding("I32", 1, 4, false)],
  [27, encoding("I64", 1, 8, false)],
  [28, encoding("F64", 1, 8, false)],
  [29, encoding("IQ1_M", 256, 56)],
  [30, encoding("BF16", 1, 2)],
  [34, encoding("TQ1_0", 256, 54)],
  [35, encoding("TQ2_0", 256, 66)],
  [39, encoding("MXFP4", 32, 17)],
  [40, encoding("NVFP4", 64, 36)],
  [41, encoding("Q1_0", 128, 18)],
  [42, encoding("Q2_0", 64, 18)],
]);

export interface GgufTensorInfo {
  readonly name: string;
  /** One to four lengths, innermost first as in the file. A PyTorch `[rows, columns]` matrix is `[columns, rows]` here. */
  readonly dimensions: readonly number[];
  readonly encoding: TensorEncoding;
  /** Offset of the data from the start of the file. */
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

export interface GgufFile {
  readonly path: string;
  readonly fileBytes: number;
  readonly version: number;
  readonly alignment: number;
  /** Keys and values in the order of the file. */
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensorInfo>;
}
