/**
 * Split decoding: two models write one text. `SplitDecoder` yields events, `collect` folds them, a policy decides who writes.
 * The same decoder serves chats, evaluations and training rollouts. Not here: prompts and templates (tokenizer), models
 * (engines), protocols (gateway). Everyone above the engines may call it.
 *
 * The folders, from the bottom up, are `events`, `dial`, `policies`, `contexts` (what each model has read), `pair`, `session` (the state of one
 * request), `segments` and `steps`. Each may import those before it.
 */
export { temperedProbability } from "./session/close-rule.ts";
export { type SplitResult, WrittenSegments, collect } from "./events/collect.ts";
export { type Dial, type DialInput, dialSchema } from "./dial/dial.ts";
export type * from "./events/events.ts";
export type { Ledger, LedgerAuthor, LedgerToken } from "./events/ledger.ts";
export { always } from "./policies/always.ts";
export { callN } from "./policies/call-n.ts";
export { cue } from "./policies/cue.ts";
export { entropy } from "./policies/entropy.ts";
export { learned } from "./policies/learned.ts";
export { logprobSelect } from "./policies/logprob-select.ts";
export { never } from "./policies/never.ts";
export { random } from "./policies/random.ts";
export { rewrite } from "./policies/rewrite.ts";
export { self } from "./policies/self.ts";
export { speculative } from "./policies/speculative.ts";
export { stepScore } from "./policies/step-score.ts";
export {
  parsePolicy,
  parsePolicySpec,
  POLICY_FACTS,
  POLICY_NAMES,
  policyFacts,
  policyOptionNames,
} from "./policies/index.ts";
export type { PolicyFacts, PolicyKind } from "./policies/policy-kind.ts";
export type { PolicySpec } from "./policies/policy-spec.ts";
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
