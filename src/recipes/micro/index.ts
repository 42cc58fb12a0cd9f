/**
 * The micro pair from nothing to a result. Only the command line calls this; it calls everything below.
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
export { publishLearnt } from "./publish.ts";
