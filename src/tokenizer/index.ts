/**
 * Tokenizers and chat templates: text to token ids and back, for one vocabulary at a time. Trusted markers are kept apart from plain text.
 * The room knows no model and no tag: the caller or the file says which markers are control tokens.
 */
export { trainBytePairs } from "./byte-level-bpe.ts";
export { ByteLevelTokenizer } from "./byte-level-tokenizer.ts";
export { cutWithinMarkers, MarkerMatcher } from "./fragments.ts";
export { type Tokenizer } from "./tokenizer.ts";
export { digestVocabulary } from "./vocabulary.ts";
export { BUILT_IN_TEMPLATES } from "./built-in-templates.ts";
export {
  type ChatMessage,
  ChatTemplate,
  type OpenThinking,
  openThinkingSchema,
  opensThought,
} from "./chat-template.ts";
export { ggufVocabulary } from "./gguf-vocabulary.ts";
export { tokenizerFiles } from "./tokenizer-files.ts";
export { loadTokenizer, type LoadedTokenizer } from "./tokenizer-json.ts";
