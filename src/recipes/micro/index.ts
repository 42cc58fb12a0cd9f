/**
 * Builds the micro pair and teaches its small model to offload. Only the command line and benchmarks call this. Problems and traces of the
 * domain are not here but in `src/micro`.
 */
export { buildMicroPair, type MicroBuildOptions } from "./build.ts";
export {
  fastBuild,
  fastLearning,
  fullBuild,
  fullLearning,
  type MicroBuildConfig,
  type MicroLearnConfig,
} from "./config.ts";
export { type LearnHooks, learnToOffload, type LearnOptions } from "./learn.ts";
export { published } from "./pretrain.ts";
export { publishLearned } from "./publish.ts";
