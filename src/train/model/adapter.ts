/**
 * The parameters of a LoRA adapter: names, shapes, places in one flat buffer, and seeded initial values. Names and shapes are those of PEFT:
 * an adapted matrix [out, in] gets A [rank, in] and B [out, rank], and acts as W + alpha / rank * B A.
 */
import { createRng } from "../../core/rng.ts";
import type { LoraConfig, LoraTarget } from "./lora-config.ts";
import type { DecoderConfig } from "./config.ts";
import { layerNames, type LayerParameter, type ParameterSpec, parameterSpecs } from "./parameters.ts";

/** The shape of an adapter. */
export type AdapterShape = Pick<LoraConfig, "rank" | "alpha" | "targets">;

/** The layer's parameters that can be adapted. */
const TARGET_OF: Partial<Record<LayerParameter, LoraTarget>> = {
  query: "q_proj",
  key: "k_proj",
  value: "v_proj",
  output: "o_proj",
  gate: "gate_proj",
  up: "up_proj",
  down: "down_proj",
};

export const isAdapted = ({ targets }: AdapterShape, parameter: LayerParameter): boolean => {
  const target = TARGET_OF[parameter];
  return target !== undefined && targets.includes(target);
};

/** Both matrices of one adapted matrix. */
export interface AdapterPair {
  readonly layer: number;
  readonly parameter: LayerParameter;
  /** Hugging Face name of the adapted matrix. */
  readonly base: string;
  readonly a: ParameterSpec;
  readonly b: ParameterSpec;
}

/** All pairs in their order in the flat buffer: by layer, A before B. */
export function adapterPairs(config: DecoderConfig, adapter: AdapterShape): AdapterPair[] {
  const shapes = new Map(parameterSpecs(config).map(({ name, shape }) => [name, shape]));
  const pairs: AdapterPair[] = [];
  let offset = 0;
  const place = (name: string, shape: readonly [number, number]): ParameterSpec => {
    const spec: ParameterSpec = { name, shape, offset, size: shape[0] * shape[1] };
    offset += spec.size;
    return spec;
  };
  for (let layer = 0; layer < config.layers; layer++) {
    for (const [parameter, base] of Object.entries(layerNames(layer)) as [LayerParameter, string][]) {
      if (!isAdapted(adapter, parameter)) continue;
      const [rows = 0, columns = 0] = shapes.get(base) ?? [];
      const stem = base.replace(/\.weight$/u, "");
      pairs.push({
        layer,
        parameter,
        base,
        a: place(`${stem}.lora_A.weight`, [adapter.rank, columns]),
        b: place(`${stem}.lora_B.weight`, [rows, adapter.rank]),
      });
    }
  }
  return pairs;
}

export const adapterSize = (pairs: readonly AdapterPair[]): number =>
  pairs.reduce((total, { a, b }) => total + a.size + b.size, 0);

/** PEFT's initial values: A uniform within 1 / sqrt(in), B zero, so that a new adapter changes nothing. Each A has its own random stream, by name. */
export function initialAdapter(pairs: readonly AdapterPair[], seed: number): Float32Array {
  const flat = new Float32Array(adapterSize(pairs));
  const rng = createRng(seed);
  for (const { a } of pairs) {
    const stream = rng.fork(a.name);
    const bound = 1 / Math.sqrt(a.shape[1] ?? 1);
    for (let index = 0; index < a.size; index++) flat[a.offset + index] = (2 * stream.next() - 1) * bound;
  }
  return flat;
}

/** W + scale * B A: W [out, in] with `columns` = in, A [rank, in], B [out, rank]. A new array. */
export function plusLowRank(
  weight: Float32Array,
  columns: number,
  a: Float32Array,
  b: Float32Array,
  scale: number,
): Float32Array {
  const sum = weight.slice();
  const rank = a.length / columns;
  for (let row = 0, to = 0; to < sum.length; row++, to += columns) {
    for (let inner = 0; inner < rank; inner++) {
      const factor = scale * (b[row * rank + inner] as number);
      if (factor === 0) continue;
      const from = inner * columns;
      for (let column = 0; column < columns; column++) {
        sum[to + column] = (sum[to + column] as number) + factor * (a[from + column] as number);
      }
    }
  }
  return sum;
}
