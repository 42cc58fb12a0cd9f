/**
 * The micro pair from nothing to a result. Only the command line calls this; it calls everything below.
 */
export { ANNOTATED_FILE, microRows } from "./annotate.ts";
export { buildMicroPair, type MicroBuildOptions, type MicroBuildResult } from "./build.ts";
export { fastBuild, fullBuild, type MicroBuildConfig, microBuildSchema } from "./config.ts";
export { formatSkills } from "./skills.ts";
