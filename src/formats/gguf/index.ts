/**
 * The GGUF file format: reads headers, writes F32 models, and checks a file before llama.cpp loads it. It loads no model. Engines and the
 * trainer call it.
 */
export { checkAdapter } from "./check-adapter.ts";
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
