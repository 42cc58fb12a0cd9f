/**
 * Checks llama.cpp's LoRA adapters before llama.cpp sees them: the kind of file, the pairs of matrices, their shapes and values. An adapter
 * of ours also says for which base it was made.
 */
import { DataError } from "../../core/errors.ts";
import { BASE_FINGERPRINT_KEY, ggufFingerprint, isSameBase } from "./base-fingerprint.ts";
import { joinParts } from "./check.ts";
import { describe, quoted, readGguf } from "./reader.ts";
import { readTensorValues } from "./tensor-data.ts";
import type { GgufFile, GgufTensorInfo } from "./types.ts";

export interface AdapterSummary {
  /** Highest rank of a tensor. */
  readonly rank: number;
  readonly alpha: number;
  /** Names of the base's tensors that are adapted. */
  readonly targets: readonly string[];
}

const IS_HALF = /^(.+)\.lora_([ab])$/u;

/**
 * Checks the adapter in `path` against the file of its base.
 * @throws DataError that says what does not fit.
 */
export function checkAdapter(path: string, basePath: string): AdapterSummary {
  const file = readGguf(path);
  const base = joinParts(readGguf(basePath));
  const invalid = (what: string): DataError =>
    new DataError(`${path} is not a LoRA adapter for ${basePath}: ${what}`, { code: "file-invalid" });
  for (const [key, wanted] of [
    ["general.type", "adapter"],
    ["adapter.type", "lora"],
    ["general.architecture", textOf(base, "general.architecture")],
  ] as const) {
    if (textOf(file, key) !== wanted) {
      throw invalid(`${quoted(key)} is ${describe(file.metadata.get(key))}, not ${quoted(wanted ?? "")}.`);
    }
  }
  const alpha = file.metadata.get("adapter.lora.alpha");
  if (alpha?.type !== "float32" || !Number.isFinite(alpha.value)) {
    throw invalid(`"adapter.lora.alpha" is ${describe(alpha)}, not a finite float32.`);
  }
  const halves = { a: new Map<string, GgufTensorInfo>(), b: new Map<string, GgufTensorInfo>() };
  for (const tensor of file.tensors.values()) {
    const [, target = "", half] = IS_HALF.exec(tensor.name) ?? [];
    if (half !== "a" && half !== "b") {
      throw invalid(`tensor ${quoted(tensor.name)} is neither NAME.lora_a nor NAME.lora_b.`);
    }
    halves[half].set(target, tensor);
  }
  const ranks = [...new Set([...halves.a.keys(), ...halves.b.keys()])].map((target) =>
    checkPair(base.tensors.get(target), target, halves.a.get(target), halves.b.get(target), invalid),
  );
  if (ranks.length === 0) throw invalid("it has no tensors.");
  const made = textOf(file, BASE_FINGERPRINT_KEY);
  // Of a model in several files the shapes have to be enough: the weights are in other files than the header.
  const isWhole = !base.metadata.has("split.count");
  if (made !== undefined && isWhole && !isSameBase(made, ggufFingerprint(base))) {
    throw invalid(
      "it was made for another model of the same shapes (their weights differ). Give the model that it was trained on.",
    );
  }
  for (const tensor of file.tensors.values()) {
    if (!readTensorValues(path, tensor).every((value) => Number.isFinite(value)))
      throw invalid(`tensor ${quoted(tensor.name)} holds values that are not finite numbers.`);
  }
  return { rank: Math.max(...ranks), alpha: alpha.value, targets: [...halves.a.keys()] };
}

/** Checks `a` [in, rank] and `b` [rank, out] of one tensor [in, out], innermost dimension first. Returns the rank. */
function checkPair(
  base: GgufTensorInfo | undefined,
  target: string,
  a: GgufTensorInfo | undefined,
  b: GgufTensorInfo | undefined,
  invalid: (what: string) => DataError,
): number {
  if (base === undefined) throw invalid(`the model has no tensor ${quoted(target)}.`);
  if (a === undefined || b === undefined) {
    throw invalid(`${quoted(target)} has no lora_${a === undefined ? "a" : "b"}.`);
  }
  const [columns = 1, rows = 1, ...experts] = base.dimensions;
  // llama.cpp looks rows of the embedding up, and has both matrices the other way round there.
  const isLookedUp = target === "token_embd.weight";
  const rank = (isLookedUp ? a.dimensions[0] : a.dimensions[1]) ?? 0;
  const wanted = isLookedUp
    ? { a: [rank, rows], b: [rank, columns] }
    : { a: [columns, rank, ...experts], b: [rank, rows, ...experts] };
  if (a.dimensions.join() !== wanted.a.join() || b.dimensions.join() !== wanted.b.join()) {
    throw invalid(
      `${quoted(target)} has dimensions [${base.dimensions.join(", ")}], its lora_a [${a.dimensions.join(", ")}] and lora_b [${b.dimensions.join(", ")}]; ` +
        `[${wanted.a.join(", ")}] and [${wanted.b.join(", ")}] would fit.`,
    );
  }
  return rank;
}

function textOf(file: GgufFile, key: string): string | undefined {
  const value = file.metadata.get(key);
  return value?.type === "string" ? value.value : undefined;
}
