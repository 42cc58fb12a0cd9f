/** An adapter on its way out of a trainer, and the outlets that it can take. */
import type { Engine } from "../../engines/engine.ts";
import { baseFingerprint } from "../../formats/gguf/base-fingerprint.ts";
import type { AdapterShape } from "../model/adapter.ts";
import type { DecoderConfig } from "../model/config.ts";
import type { Weights } from "../model/parameters.ts";
import { ggufTensorNames } from "./gguf.ts";

export interface Adapter {
  /** Shape of the base. */
  readonly config: DecoderConfig;
  readonly shape: AdapterShape;
  /** Fingerprint of the base. */
  readonly base: string;
  /** Both matrices of each adapted one, by the names of `adapterPairs`. */
  readonly values: Weights;
}

/** How an adapter leaves its trainer. */
export interface AdapterOutlets {
  /** Writes it for other programs. */
  readonly exporter: (folder: string, adapter: Adapter) => Promise<void>;
  /** Opens base and adapter for rollouts. Absent in runs without rollouts. */
  readonly sampler?: (adapter: Adapter) => Promise<Engine>;
}

/** The fingerprint of a model in memory; the same as that of its GGUF. */
export function fingerprintOf(config: DecoderConfig, weights: Weights): string {
  const names = ggufTensorNames(config);
  const byGgufName = new Map(
    [...weights].map(([name, { shape, data }]) => [names.get(name) ?? name, { shape, data }]),
  );
  return baseFingerprint({
    names: byGgufName.keys(),
    vector: (name) => byGgufName.get(name)?.data ?? new Float32Array(),
    firstRow: (name) => {
      const tensor = byGgufName.get(name);
      return tensor?.data.subarray(0, tensor.shape[1]) ?? new Float32Array();
    },
  });
}
