/**
 * The parameters of a decoder: names and shapes, places in one flat buffer, and seeded initial values. Names and shapes are those of
 * Hugging Face's classes, so an export is a copy.
 */
import { TrainError } from "../../core/errors.ts";
import { createRng } from "../../core/rng.ts";
import { architectureOf, type DecoderConfig } from "./config.ts";

export interface ParameterSpec {
  readonly name: string;
  /** A matrix is [out, in]. */
  readonly shape: readonly number[];
  /** First element in the flat buffer. */
  readonly offset: number;
  readonly size: number;
}

/** Named tensors, row-major. */
export type Weights = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

export const EMBEDDING = "model.embed_tokens.weight";
export const OUTPUT_HEAD = "lm_head.weight";
export const FINAL_NORM = "model.norm.weight";

/** The names within layer `index`, of all parameters that a layer can have. */
export function layerNames(index: number): Record<LayerParameter, string> {
  const prefix = `model.layers.${index}`;
  return {
    inputNorm: `${prefix}.input_layernorm.weight`,
    query: `${prefix}.self_attn.q_proj.weight`,
    queryBias: `${prefix}.self_attn.q_proj.bias`,
    key: `${prefix}.self_attn.k_proj.weight`,
    keyBias: `${prefix}.self_attn.k_proj.bias`,
    value: `${prefix}.self_attn.v_proj.weight`,
    valueBias: `${prefix}.self_attn.v_proj.bias`,
    queryNorm: `${prefix}.self_attn.q_norm.weight`,
    keyNorm: `${prefix}.self_attn.k_norm.weight`,
    output: `${prefix}.self_attn.o_proj.weight`,
    mlpNorm: `${prefix}.post_attention_layernorm.weight`,
    gate: `${prefix}.mlp.gate_proj.weight`,
    up: `${prefix}.mlp.up_proj.weight`,
    down: `${prefix}.mlp.down_proj.weight`,
  };
}

export type LayerParameter =
  | "inputNorm"
  | "query"
  | "queryBias"
  | "key"
  | "keyBias"
  | "value"
  | "valueBias"
  | "queryNorm"
  | "keyNorm"
  | "output"
  | "mlpNorm"
  | "gate"
  | "up"
  | "down";

/** All parameters in their order in the flat buffer. */
export function parameterSpecs(config: DecoderConfig): ParameterSpec[] {
  const { hiddenSize, headSize, intermediateSize, vocabularySize } = config;
  const { attentionBias, headNorms } = architectureOf(config);
  const queryWidth = config.heads * headSize;
  const keyWidth = config.keyValueHeads * headSize;
  const shapes: [name: string, shape: readonly number[]][] = [[EMBEDDING, [vocabularySize, hiddenSize]]];
  for (let layer = 0; layer < config.layers; layer++) {
    const names = layerNames(layer);
    shapes.push(
      [names.inputNorm, [hiddenSize]],
      [names.query, [queryWidth, hiddenSize]],
      [names.key, [keyWidth, hiddenSize]],
      [names.value, [keyWidth, hiddenSize]],
    );
    if (attentionBias)
      shapes.push(
        [names.queryBias, [queryWidth]],
        [names.keyBias, [keyWidth]],
        [names.valueBias, [keyWidth]],
      );
    if (headNorms) shapes.push([names.queryNorm, [headSize]], [names.keyNorm, [headSize]]);
    shapes.push(
      [names.output, [hiddenSize, queryWidth]],
      [names.mlpNorm, [hiddenSize]],
      [names.gate, [intermediateSize, hiddenSize]],
      [names.up, [intermediateSize, hiddenSize]],
      [names.down, [hiddenSize, intermediateSize]],
    );
  }
  shapes.push([FINAL_NORM, [hiddenSize]]);
  if (!config.tiedEmbeddings) shapes.push([OUTPUT_HEAD, [vocabularySize, hiddenSize]]);
  let offset = 0;
  return shapes.map(([name, shape]) => {
    const size = shape.reduce((product, length) => product * length, 1);
    const spec: ParameterSpec = { name, shape, offset, size };
    offset += size;
    return spec;
  });
}

export function parameterCount(config: DecoderConfig): number {
  return parameterSpecs(config).reduce((total, spec) => total + spec.size, 0);
}

/**
 * Initial values in one flat buffer. Norms are 1. Matrices are normal with deviation 1 / sqrt(in); those that write to the residual stream
 * are smaller by sqrt(2 * layers) (GPT-2). Embeddings have deviation 0.5 / sqrt(hiddenSize), so that tied logits start near 0. Each
 * parameter has its own random stream, by name.
 */
export function initialWeights(config: DecoderConfig, seed: number): Float32Array {
  const specs = parameterSpecs(config);
  const flat = new Float32Array(parameterCount(config));
  const rng = createRng(seed);
  for (const { name, shape, offset, size } of specs) {
    const values = flat.subarray(offset, offset + size);
    const fanIn = shape[1];
    if (fanIn === undefined) {
      // Norms are 1, biases 0.
      if (!name.endsWith(".bias")) values.fill(1);
      continue;
    }
    let deviation = 1 / Math.sqrt(fanIn);
    if (name === EMBEDDING || name === OUTPUT_HEAD) deviation *= 0.5;
    if (name.endsWith("o_proj.weight") || name.endsWith("down_proj.weight"))
      deviation /= Math.sqrt(2 * config.layers);
    const stream = rng.fork(name);
    for (let index = 0; index < size; index++) values[index] = stream.normal() * deviation;
  }
  return flat;
}

/** Copies named tensors into one flat buffer; throws when one is missing, of another shape, or not a parameter. */
export function flattenWeights(config: DecoderConfig, weights: Weights): Float32Array {
  const flat = new Float32Array(parameterCount(config));
  const specs = parameterSpecs(config);
  for (const { name, shape, offset } of specs) {
    const tensor = weights.get(name);
    if (!tensor) throw invalidWeights(`${name} is missing`);
    if (tensor.shape.join() !== shape.join()) {
      throw invalidWeights(
        `${name} is [${tensor.shape.join(", ")}] where the config asks for [${shape.join(", ")}]`,
      );
    }
    flat.set(tensor.data, offset);
  }
  const known = new Set(specs.map((spec) => spec.name));
  // A tied model may carry its head a second time.
  const stranger = [...weights.keys()].find((name) => !known.has(name) && name !== OUTPUT_HEAD);
  if (stranger !== undefined) throw invalidWeights(`${stranger} is not a parameter of this model`);
  return flat;
}

function invalidWeights(what: string): TrainError {
  return new TrainError(`the weights do not fit the model: ${what}. Check that they belong to this config.`, {
    code: "train-invalid",
  });
}
