/** `splitreason/testing`: an engine that does what a test tells it, and a readable tokenizer. What is not set throws. */
export * from "./engines/scripted/index.ts";
