/**
 * The GGUF file format: reading its header, writing F32 models, and checking a file before llama.cpp loads it.
 * Pure (imports core only), and no loader: engines and the trainer use it.
 */
export { checkGguf, type GgufSummary } from "./check.ts";
export { readGguf } from "./reader.ts";
export {
  GGUF_TOKEN_TYPES,
  ggufBool,
  ggufFloat32,
  ggufInt32s,
  ggufString,
  ggufStrings,
  ggufUint32,
  type GgufValue,
} from "./types.ts";
export { encodeGguf, writeGguf, type GgufContent, type GgufTensor } from "./writer.ts";
