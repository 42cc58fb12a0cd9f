/**
 * Models behind HTTP: vLLM, SGLang, llama.cpp's server, Ollama and any other server with OpenAI's raw completions. One engine, a small
 * dialect file for each server. It renders no chat template and knows no tag: contexts are pieces, as for every engine. Loaded by
 * `open-engine.ts` only when a spec names a remote model.
 */
export { HttpEngine } from "./http-engine.ts";
export { openHttpEngine } from "./open-http-engine.ts";
