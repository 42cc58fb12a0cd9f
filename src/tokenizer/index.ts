/**
 * Tokenizers and chat templates: text to token ids and back, for one vocabulary at a time, with trusted markers kept apart from
 * plain text. It knows no model, and no tag: which markers are control tokens is what the caller or the file says.
 */
export { trainBytePairs, type BytePairOptions } from "./byte-level-bpe.ts";
export { ByteLevelTokenizer, type ByteLevelOptions } from "./byte-level-tokenizer.ts";
export { MarkerMatcher, type Fragment } from "./fragments.ts";
export { type Tokenizer } from "./tokenizer.ts";
export { digestVocabulary, type Vocabulary } from "./vocabulary.ts";
export { BUILT_IN_TEMPLATES, type BuiltInTemplate } from "./built-in-templates.ts";
export { ChatTemplate, type ChatMessage, type RenderOptions } from "./chat-template.ts";
export { ggufTokenizerMetadata, ggufVocabulary } from "./gguf-vocabulary.ts";
export { tokenizerFiles, type TokenizerFilesOptions } from "./tokenizer-files.ts";
export { loadTokenizer, type LoadedTokenizer } from "./tokenizer-json.ts";
