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
  type CallNOptions,
  type CueOptions,
  type EntropyOptions,
  type LogprobSelectOptions,
  POLICY_NAMES,
  type PolicySpec,
  type RandomOptions,
  type RewriteOptions,
  type StepScoreOptions,
  always,
  callN,
  cue,
  entropy,
  learned,
  logprobSelect,
  never,
  parsePolicy,
  parsePolicySpec,
  random,
  rewrite,
  self,
  stepScore,
} from "./policies/index.ts";
export type {
  BigPlan,
  CallCommand,
  DraftJudge,
  DraftPlan,
  GlimpsePlan,
  History,
  Policy,
  PolicyContext,
  PolicyNeeds,
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
export type { StepKind } from "./steps/boundaries.ts";
export { SplitDecoder } from "./split-decoder.ts";
