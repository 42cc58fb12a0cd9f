/**
 * Split decoding: two models write one text. `SplitDecoder` yields events, `collect` folds them, a policy decides who writes.
 * The same decoder serves chats, evaluations and training rollouts. Not here: prompts and templates (tokenizer), models
 * (engines), protocols (gateway).
 */
export { temperedProbability } from "./session/close-rule.ts";
export { type SplitResult, collect } from "./events/collect.ts";
export { type Dial, type DialInput, dialSchema } from "./dial/dial.ts";
export type * from "./events/events.ts";
export type { Ledger, LedgerAuthor, LedgerToken } from "./events/ledger.ts";
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
  StepKind,
  Until,
} from "./policies/policy.ts";
export { type ModelPair, requireFit } from "./pair/pair-fit.ts";
export { type SplitOptions, type SplitOptionsInput, splitOptionsSchema } from "./pair/split-options.ts";
export type { SplitRequest } from "./session/request.ts";
export { SplitDecoder } from "./split-decoder.ts";
