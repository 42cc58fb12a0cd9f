/**
 * The tags, `<bigmodel>` and `</bigmodel>` or two other control tokens (Paper 3.1): their grammar, a streaming parser with hold-back, and helpers between
 * tagged text and spans. Pure functions of text. Not here: deciding who writes (decode), or making tags tokens (tokenizer).
 * Anyone may import it.
 */
export { closesThought } from "./chain-of-thought.ts";
export { otherTags, requireFreeTags, requireTags, spareTags } from "./fit.ts";
export { OFFLOAD_TAGS, parseTagPair, type TagPair, tagPairSchema, THINK_TAGS } from "./grammar.ts";
export { type TagEvent, TagParser } from "./parser.ts";
export { partialMarkerLength } from "./partial.ts";
export {
  type TagFault,
  foldTagEvents,
  parseTagged,
  parseTaggedPieces,
  stripTags,
  wrapSpans,
  wrapSpansAsPieces,
} from "./spans.ts";
