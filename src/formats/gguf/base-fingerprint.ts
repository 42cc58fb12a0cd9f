/**
 * A fingerprint of the model that an adapter belongs to. It is the same for a Hugging Face folder and for every quantisation of it. Norms and
 * biases, which GGUF files keep in float32, are in it as a digest. A few weights are in it as they are, and are compared roughly.
 */
import { createHash } from "node:crypto";

import { DataError } from "../../core/errors.ts";
import { readTensorRow } from "./tensor-data.ts";
import type { GgufFile } from "./types.ts";

/** Key of the fingerprint in the metadata of adapters: GGUF and safetensors. */
export const BASE_FINGERPRINT_KEY = "splitreason.base";

/** Values by the names of GGUF files. */
export interface BaseValues {
  /** Names of all tensors. */
  readonly names: Iterable<string>;
  /** Values of a norm or a bias. */
  readonly vector: (name: string) => Float32Array;
  /** First row of a matrix. */
  readonly firstRow: (name: string) => Float32Array;
}

const IS_VECTOR = /(?:norm\.weight|\.bias)$/u;
const IS_SAMPLED = /^blk\.\d+\.ffn_down\.weight$/u;
const SAMPLED_WEIGHTS = 8;
/** Quantisation to four bits leaves a cosine of .99 or more; weights of different models have one near 0. */
const LEAST_COSINE = 0.9;
const VERSION = "v1";

/** The fingerprint as text. */
export function baseFingerprint({ names, vector, firstRow }: BaseValues): string {
  const hash = createHash("sha256");
  const sample: number[] = [];
  for (const name of [...names].sort()) {
    if (IS_VECTOR.test(name)) {
      const values = vector(name);
      hash.update(`${name}\0`).update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
    if (IS_SAMPLED.test(name)) sample.push(...firstRow(name).subarray(0, SAMPLED_WEIGHTS));
  }
  const bytes = new Uint8Array(Float32Array.from(sample).buffer);
  return [VERSION, hash.digest("hex"), Buffer.from(bytes).toString("base64")].join(":");
}

/** The fingerprint of a model's file. Reads a few kilobytes of it. */
export function ggufFingerprint({ path, tensors }: GgufFile): string {
  const row = (name: string): Float32Array => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new DataError(`${path} has no tensor ${name}.`, { code: "file-invalid" });
    return readTensorRow(path, tensor, 0);
  };
  return baseFingerprint({ names: tensors.keys(), vector: row, firstRow: row });
}

/** Whether both are of one model, quantised or not. A text that is no fingerprint belongs to no model. */
export function isSameBase(left: string, right: string): boolean {
  const [one, other] = [left, right].map(parsed);
  if (one === undefined || other === undefined || one.digest !== other.digest) return false;
  if (one.sample.length !== other.sample.length) return false;
  const dot = (a: Float32Array, b: Float32Array): number =>
    a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
  const norms = Math.sqrt(dot(one.sample, one.sample) * dot(other.sample, other.sample));
  return norms === 0 ? one.sample.length === 0 : dot(one.sample, other.sample) / norms >= LEAST_COSINE;
}

function parsed(text: string): { readonly digest: string; readonly sample: Float32Array } | undefined {
  const [, digest, base64 = ""] = /^v1:([0-9a-f]{64}):([A-Za-z0-9+/]*={0,2})$/u.exec(text) ?? [];
  const bytes = Uint8Array.from(Buffer.from(base64, "base64"));
  if (digest === undefined || bytes.length % 4 !== 0) return undefined;
  return { digest, sample: new Float32Array(bytes.buffer) };
}
