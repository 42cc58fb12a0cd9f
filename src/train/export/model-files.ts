/** The parts of an export beside the weights, and the checks that all exports share. */
import { TrainError } from "../../core/errors.ts";
import type { Engine } from "../../engines/engine.ts";
import type { Vocabulary } from "../../tokenizer/vocabulary.ts";
import type { DecoderConfig } from "../model/config.ts";
import { flattenWeights, parameterSpecs, type Weights } from "../model/parameters.ts";

/** Writes a model for other programs. */
export type Exporter = (folder: string, config: DecoderConfig, weights: Weights) => Promise<void>;
/** Opens a model for rollouts. */
export type SamplerFactory = (config: DecoderConfig, weights: Weights) => Promise<Engine>;

/** The tokenizer that belongs to the weights. */
export interface ModelTokenizer {
  readonly vocabulary: Vocabulary;
  /** The marker that ends the assistant's turn. */
  readonly endOfTurn: string;
  /** The marker that fills batches; generation stops at it as well. */
  readonly padding: string;
  /** Jinja source. */
  readonly chatTemplate?: string;
}

export interface ModelFiles {
  readonly config: DecoderConfig;
  /** Weights by Hugging Face names. A tied model's head may be left out. */
  readonly weights: Weights;
  readonly tokenizer: ModelTokenizer;
}

/** The weights in the order of the parameters. @throws TrainError when weights, config and tokenizer do not belong together. */
export function checkedWeights({ config, weights, tokenizer }: ModelFiles): Weights {
  const tokens = tokenizer.vocabulary.tokens.length;
  if (tokens > config.vocabularySize) {
    throw new TrainError(
      `the tokenizer has ${tokens} tokens, the model only ${config.vocabularySize}: export with the tokenizer it was trained on.`,
      { code: "train-invalid" },
    );
  }
  const flat = flattenWeights(config, weights);
  return new Map(
    parameterSpecs(config).map(({ name, shape, offset, size }) => [
      name,
      { shape, data: flat.subarray(offset, offset + size) },
    ]),
  );
}
