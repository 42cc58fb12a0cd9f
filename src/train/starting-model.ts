/** The model that a run starts from, as far as its trainer needs it on this machine. */
import { DataError } from "../core/errors.ts";
import type { ByteLevelTokenizer, LoadedTokenizer } from "../tokenizer/index.ts";
import type { ModelTokenizer } from "./export/model-files.ts";
import type { DecoderConfig } from "./model/config.ts";
import type { Weights } from "./model/parameters.ts";

export interface StartingModel {
  /** The folder or file that it was read from, as the run was given it. */
  readonly source?: string;
  readonly tokenizer: ByteLevelTokenizer;
  /** The marker that ends the assistant's turn. */
  readonly endOfTurn: string;
  /** Jinja source; undefined where the model has none. */
  readonly chatTemplate: string | undefined;
  /** Tokens of the longest document. */
  readonly maxPositions: number;
  /** Undefined where only a trainer server knows the shape. */
  readonly config?: DecoderConfig;
  /** Undefined: random weights from the run's seed, or those of a trainer server. */
  readonly weights?: Weights;
  /** A run is resumed only with an equal identity. */
  readonly identity: unknown;
}

/** The padding token of ChatML models. */
export const PADDING = "<|endoftext|>";

/** The tokenizer as exports carry it. Where the vocabulary has no padding token, the end of the turn takes its place. */
export function exportedTokenizer(
  { tokenizer, endOfTurn }: Pick<StartingModel, "tokenizer" | "endOfTurn">,
  chatTemplate: string,
): ModelTokenizer {
  const padding = tokenizer.controlId(PADDING) === undefined ? endOfTurn : PADDING;
  return { vocabulary: tokenizer.contents, endOfTurn, padding, chatTemplate };
}

/** The tokenizer's part of a starting model. @throws DataError when the folder had no tokenizer, or the tokenizer names no end of a turn. */
export function trainableTokenizer(
  loaded: LoadedTokenizer | undefined,
  folder: string,
): Pick<StartingModel, "tokenizer" | "endOfTurn" | "chatTemplate"> {
  if (loaded?.endOfTurn !== undefined) {
    return { tokenizer: loaded.tokenizer, endOfTurn: loaded.endOfTurn, chatTemplate: loaded.chatTemplate };
  }
  throw new DataError(
    `${folder} has no tokenizer.json with an eos_token in tokenizer_config.json: both are needed to train.`,
    { code: "file-invalid" },
  );
}
