/** Writes llama.cpp's LoRA adapter: one GGUF with a pair of matrices for each adapted tensor, in F32. */
import { BASE_FINGERPRINT_KEY } from "../../formats/gguf/base-fingerprint.ts";
import { ggufFloat32, ggufString, type GgufValue } from "../../formats/gguf/types.ts";
import { writeGguf } from "../../formats/gguf/writer.ts";
import { adapterPairs } from "../model/adapter.ts";
import type { Adapter } from "./adapter.ts";
import { ggufTensorNames } from "./gguf.ts";
import { interleavedHeads, toGgufRows } from "./gguf-heads.ts";

/** File name within an export. */
export const ADAPTER_GGUF = "adapter.gguf";

/** Replaces `path` in one step. `name` becomes `general.name`. */
export async function exportLoraGguf(path: string, name: string, adapter: Adapter): Promise<void> {
  const { config, shape, base, values } = adapter;
  const names = ggufTensorNames(config);
  const metadata = new Map<string, GgufValue>([
    ["general.architecture", ggufString(config.architecture)],
    ["general.type", ggufString("adapter")],
    ["general.name", ggufString(name)],
    // All tensors F32.
    ["adapter.type", ggufString("lora")],
    ["adapter.lora.alpha", ggufFloat32(shape.alpha)],
    [BASE_FINGERPRINT_KEY, ggufString(base)],
  ]);
  const heads = interleavedHeads(config);
  const tensors = adapterPairs(config, shape).flatMap(({ base: matrix, a, b }) =>
    [["lora_a", a, undefined] as const, ["lora_b", b, heads.get(matrix)] as const].map(
      ([suffix, spec, rowHeads]) => ({
        name: `${names.get(matrix) ?? matrix}.${suffix}`,
        dimensions: spec.shape.toReversed(),
        // The rows of B are those of the matrix.
        data: toGgufRows(values.get(spec.name)?.data ?? new Float32Array(), spec.shape[1] ?? 1, rowHeads),
      }),
    ),
  );
  await writeGguf(path, { metadata, tensors });
}
