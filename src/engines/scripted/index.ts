/** The scripted engine, for tests: those of this project and, as `splitreason/testing`, those of its users. Never in production. */
export {
  failAfter,
  hangAfter,
  inOrder,
  slow,
  type ScriptedCall,
  type ScriptedHook,
} from "./scripted-faults.ts";
export { ScriptedEngine, type ScriptedEngineOptions } from "./scripted-engine.ts";
export {
  randomModel,
  scriptModel,
  type RandomModelOptions,
  type ScriptedContext,
  type ScriptedModel,
  type ScriptedNext,
  type ScriptLine,
} from "./scripted-model.ts";
export { TEST_CONTROLS, testTokenizer, type TestTokenizerOptions } from "./test-tokenizer.ts";
