/**
 * The library: open two models, decode with both, annotate, train. The command line is built on the same functions. Not here: the
 * scripted engine for tests (`splitreason/testing`) and the command line itself.
 */
export * from "./core/errors.ts";
export { modelId, type ModelId, tokenId, type TokenId, vocabularyId, type VocabularyId } from "./core/ids.ts";
export { controlPiece, type Piece, textPiece } from "./core/piece.ts";
export * from "./data/index.ts";
export * from "./decode/index.ts";
export { Pair } from "./decode/pair/pair.ts";
export { loadPairConfig, MICRO_PAIR, type PairConfig } from "./decode/pair/pair-config.ts";
export type * from "./engines/engine.ts";
export { openEngine, type OpenEngineOptions } from "./engines/open/open-engine.ts";
export { ChatTemplate, type ChatMessage } from "./tokenizer/index.ts";
export {
  type LoopConfig,
  loopConfigSchema,
  type LoopOptions,
  runSupervised,
} from "./train/supervised/loop.ts";
export type * from "./train/trainer.ts";
export { EmbeddedTrainer, type EmbeddedTrainerOptions } from "./train/trainers/embedded/embedded-trainer.ts";
