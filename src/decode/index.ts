/**
 * Split decoding: two models write one text. `SplitDecoder` yields events, `collect` folds them, a policy decides who writes.
 * The same decoder serves chats, evaluations and training rollouts. Not here: prompts and templates (tokenizer), models
 * (engines), protocols (gateway).
 */
export { type ChunkSizes, DEFAULT_CHUNKS } from "./chunks.ts";
export { temperedProbability } from "./close-rule.ts";
export { type SplitResult, collect } from "./collect.ts";
export { type Dial, type DialInput, dialSchema } from "./dial.ts";
export type * from "./events.ts";
export type { Ledger, LedgerAuthor, LedgerToken } from "./ledger.ts";
export {
  POLICY_NAMES,
  type RandomOptions,
  always,
  learned,
  never,
  parsePolicy,
  random,
  self,
} from "./policies/index.ts";
export type {
  BigPlan,
  History,
  Policy,
  PolicyContext,
  PolicyRun,
  SegmentPlan,
  SmallPlan,
  Until,
  WrittenSegment,
} from "./policy.ts";
export {
  type SplitOptions,
  type SplitOptionsInput,
  type SplitRequest,
  splitOptionsSchema,
} from "./request.ts";
export { type ModelPair, requireFit } from "./pair-fit.ts";
export { SplitDecoder } from "./split-decoder.ts";
