/**
 * The micro pair from nothing to a result. Only the command line calls this; it calls everything below.
 */
export { ANNOTATED_FILE, microRows } from "./annotate.ts";
export { buildMicroPair, type MicroBuildOptions, type MicroBuildResult } from "./build.ts";
export {
  fastBuild,
  fastLearning,
  fullBuild,
  fullLearning,
  type MicroBuildConfig,
  microBuildSchema,
  type MicroLearnConfig,
} from "./config.ts";
export { type Learnt, type LearnHooks, learnToOffload, type LearnOptions } from "./learn.ts";
export { published, type TrainedModel } from "./pretrain.ts";
export { publishLearnt } from "./publish.ts";
export { formatSkills } from "./skills.ts";
