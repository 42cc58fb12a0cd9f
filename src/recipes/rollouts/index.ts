/**
 * Annotation by doing: `splitreason data rollouts`. A pair solves training problems under a policy that needs no training. Of the right
 * traces, what the big model wrote becomes the spans. So text and hand-offs are those of the small model's own writing.
 *
 * The solver is that of an evaluation, the journal that of an annotation. Only `cli` and other recipes may call it.
 */
export { openTrainingTask } from "./problems.ts";
export { makeRollouts, type RolloutProgress, type RolloutSummary } from "./run.ts";
