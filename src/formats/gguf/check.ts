/**
 * Checks a GGUF file before llama.cpp sees it. A fault on which llama.cpp would abort or crash is an error here, with the file, the place
 * and the value seen. Only the header is read, so a file of many gigabytes costs milliseconds.
 *
 * The check is complete for `qwen3`, `qwen2` and `llama`. For other architectures it covers the keys that all share. Faults that the header
 * does not show, such as weights that are not numbers, need a trial load: `src/engines/llama/trial-load.ts`.
 */
import { basename, dirname, join } from "node:path";

import { checkArchitecture, type ArchitectureSummary } from "./check-architecture.ts";
import { checkTokenizer, type TokenizerSummary } from "./check-tokenizer.ts";
import { MetadataView } from "./metadata-view.ts";
import { describe, readGguf } from "./reader.ts";
import type { GgufFile, GgufTensorInfo } from "./types.ts";

export interface GgufSummary extends ArchitectureSummary {
  readonly path: string;
  /** Size of all parts of a split model together. */
  readonly fileBytes: number;
  readonly parameters: number;
  /** Parameters that a token is multiplied with. A table that is only looked up does not count, nor do experts that it does not visit. */
  readonly parametersPerToken: number;
  readonly name: string | undefined;
  readonly tokenizer: TokenizerSummary;
  readonly metadata: GgufFile["metadata"];
}

/** Checks a file. @throws DataError `file-missing`, `file-unreadable` or `file-invalid`. */
export function checkGguf(path: string): GgufSummary {
  const file = joinParts(readGguf(path));
  const view = new MetadataView(file);
  const tokenizer = checkTokenizer(view);
  const architecture = checkArchitecture(view, tokenizer.tokens.length);
  const { parameters, parametersPerToken } = countParameters(file, architecture.architecture);
  return {
    ...architecture,
    path,
    fileBytes: file.fileBytes,
    parameters,
    parametersPerToken,
    name: view.optionalString("general.name"),
    tokenizer,
    metadata: file.metadata,
  };
}

function countParameters(
  file: GgufFile,
  architecture: string,
): Pick<GgufSummary, "parameters" | "parametersPerToken"> {
  const experts = numberOf(file, `${architecture}.expert_count`) ?? 0;
  const visited = numberOf(file, `${architecture}.expert_used_count`) ?? experts;
  // If there is no other output, the table of tokens is multiplied with at the end.
  const isLookedUpOnly = file.tensors.has("output.weight");
  let parameters = 0;
  let parametersPerToken = 0;
  for (const [name, { dimensions }] of file.tensors) {
    const size = dimensions.reduce((product, dimension) => product * dimension, 1);
    parameters += size;
    if (name === "token_embd.weight" && isLookedUpOnly) continue;
    parametersPerToken += name.includes("_exps.") && experts > 0 ? (size * visited) / experts : size;
  }
  return { parameters, parametersPerToken };
}

function numberOf(file: GgufFile, key: string): number | undefined {
  const entry = file.metadata.get(key);
  return entry !== undefined && entry.type !== "array" && typeof entry.value === "number"
    ? entry.value
    : undefined;
}

const MAX_PARTS = 999;

/** Joins a model of several files, `NAME-00001-of-00003.gguf` and so on. llama.cpp opens all of them, so all are read. */
export function joinParts(first: GgufFile): GgufFile {
  const count = partNumber(first, "split.count") ?? 1;
  if (count <= 1) return first;
  const view = new MetadataView(first);
  const suffix = (part: number) =>
    `-${String(part).padStart(5, "0")}-of-${String(count).padStart(5, "0")}.gguf`;
  if (count > MAX_PARTS || partNumber(first, "split.no") !== 0 || !first.path.endsWith(suffix(1))) {
    throw view.invalid(
      `it is a part of a model of ${count} files; give the first of them, whose name must end in ${suffix(1)}.`,
    );
  }
  const stem = basename(first.path).slice(0, -suffix(1).length);
  const tensors = new Map<string, GgufTensorInfo>(first.tensors);
  let fileBytes = first.fileBytes;
  for (let part = 2; part <= count; part++) {
    const other = readGguf(join(dirname(first.path), stem + suffix(part)));
    if (partNumber(other, "split.no") !== part - 1) {
      throw new MetadataView(other).invalid(
        `"split.no" is ${describe(other.metadata.get("split.no"))}, not ${part - 1}.`,
      );
    }
    for (const [name, tensor] of other.tensors) {
      if (tensors.has(name))
        throw new MetadataView(other).invalid(`the tensor ${name} is in another part as well.`);
      tensors.set(name, tensor);
    }
    fileBytes += other.fileBytes;
  }
  const declared = first.metadata.get("split.tensors.count");
  if (declared?.type !== "int32" || declared.value !== tensors.size) {
    throw view.invalid(`"split.tensors.count" is ${describe(declared)}; ${tensors.size} tensors were found.`);
  }
  return { ...first, tensors, fileBytes };
}

function partNumber(file: GgufFile, key: string): number | undefined {
  const value = file.metadata.get(key);
  if (value === undefined) return undefined;
  if (value.type !== "uint16")
    throw new MetadataView(file).invalid(`"${key}" is ${describe(value)}, not a uint16.`);
  return value.value;
}
