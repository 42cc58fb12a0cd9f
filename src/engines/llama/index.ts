/** The embedded engine: GGUF models in this process, through llama.cpp. Nothing else imports node-llama-cpp. */
export { LlamaEngine, type LlamaEngineOptions } from "./llama-engine.ts";
