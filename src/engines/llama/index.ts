/** The embedded engine: GGUF models in this process, by llama.cpp. Nothing outside this folder imports node-llama-cpp. */
export { LlamaEngine, type LlamaEngineOptions } from "./llama-engine.ts";
