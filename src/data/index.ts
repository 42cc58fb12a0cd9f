/**
 * Data: which spans of a trace are hard. It reads and writes rows and asks engines for scores; it trains nothing and decodes
 * nothing.
 */
export { annotateByGap, type AnnotateOptions, type AnnotateResult } from "./annotate/annotate.ts";
export {
  GAP_DEFAULTS,
  type GapOptions,
  type GapWord,
  gapWords,
  hardSpans,
  smoothGaps,
} from "./annotate/gap.ts";
export { type ScoredToken, scoreTrace } from "./annotate/scores.ts";
