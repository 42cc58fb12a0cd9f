/** Typed, checked access to the metadata of a file that is not trusted. */
import { DataError } from "../../core/errors.ts";
import { describe, quoted } from "./reader.ts";
import type { GgufFile, GgufValue } from "./types.ts";

export interface NumberBounds {
  readonly minimum?: number;
  readonly maximum?: number;
}

export class MetadataView {
  readonly file: GgufFile;

  constructor(file: GgufFile) {
    this.file = file;
  }

  invalid(what: string): DataError {
    return new DataError(`${this.file.path} is not a model that can be loaded: ${what}`, {
      code: "file-invalid",
    });
  }

  has(key: string): boolean {
    return this.file.metadata.has(key);
  }

  get(key: string): GgufValue | undefined {
    return this.file.metadata.get(key);
  }

  optionalString(key: string): string | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    if (value.type !== "string") throw this.#wrong(key, value, "a string");
    return value.value;
  }

  string(key: string): string {
    return this.optionalString(key) ?? this.#missing(key);
  }

  optionalBool(key: string): boolean | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    if (value.type !== "bool") throw this.#wrong(key, value, "a bool");
    return value.value;
  }

  optionalUint32(key: string, bounds: NumberBounds = {}): number | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    if (value.type !== "uint32") throw this.#wrong(key, value, "a uint32");
    this.#within(key, value.value, bounds);
    return value.value;
  }

  uint32(key: string, bounds: NumberBounds = {}): number {
    return this.optionalUint32(key, bounds) ?? this.#missing(key);
  }

  /** Numbers for all layers: the file has one number for all, or an array with one for each. */
  optionalPerLayer(key: string, layers: number, bounds: NumberBounds = {}): readonly number[] | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    if (value.type !== "array") {
      const single = this.optionalUint32(key, bounds) ?? this.#missing(key);
      return Array.from({ length: layers }, () => single);
    }
    if (value.of !== "uint32" && value.of !== "int32")
      throw this.#wrong(key, value, "a uint32 or an array of them");
    if (value.values.length !== layers)
      throw this.#wrong(key, value, `an array of ${layers}, one for each layer`);
    for (const item of value.values) this.#within(key, item, bounds);
    return value.values;
  }

  perLayer(key: string, layers: number, bounds: NumberBounds = {}): readonly number[] {
    return this.optionalPerLayer(key, layers, bounds) ?? this.#missing(key);
  }

  /** A number that is finite and not negative. */
  optionalFloat32(key: string): number | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    if (value.type !== "float32") throw this.#wrong(key, value, "a float32");
    if (!(value.value >= 0 && value.value < Infinity))
      throw this.#wrong(key, value, "a finite number, not negative");
    return value.value;
  }

  float32(key: string): number {
    return this.optionalFloat32(key) ?? this.#missing(key);
  }

  optionalStrings(key: string): readonly string[] | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    if (value.type !== "array" || value.of !== "string") throw this.#wrong(key, value, "an array of strings");
    return value.values;
  }

  /** An array of numbers of one of the types in `types`, with exactly `length` items. */
  optionalNumbers(key: string, types: readonly string[], length: number): readonly number[] | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    const numbers =
      value.type === "array" && types.includes(value.of) && value.of !== "bool" && value.of !== "string"
        ? value.values.map(Number)
        : undefined;
    if (numbers?.length !== length)
      throw this.#wrong(key, value, `an array of ${length} items (${types.join(" or ")})`);
    return numbers;
  }

  #within(key: string, value: number, { minimum = 0, maximum = 0xffffffff }: NumberBounds): void {
    if (value < minimum || value > maximum) {
      throw this.invalid(`${quoted(key)} is ${value}; ${minimum} to ${maximum} is possible.`);
    }
  }

  #wrong(key: string, value: GgufValue, expected: string): DataError {
    return this.invalid(`${quoted(key)} is ${describe(value)}, not ${expected}.`);
  }

  #missing(key: string): never {
    throw this.invalid(`the metadata key ${quoted(key)} is missing.`);
  }
}
