/**
 * Data: traces read from anywhere, their hard spans marked, judged, counted and handed on. It reads and writes rows and asks engines for scores; it trains
 * nothing and decodes nothing.
 */
export { Checker, type CheckOptions, type CheckReport, type Finding } from "./check/index.ts";
export {
  type GenerationChoice,
  type ReadOptions,
  type ReadOutcome,
  readOutcomes,
  readTraces,
  type ReadTracesOptions,
} from "./readers/index.ts";
export { type DataStatistics, StatisticsBuilder, type StatisticsOptions } from "./stats/index.ts";
export { openRowWriter, type RowWriter, TRACE_COLUMNS, writeRows } from "./writers/index.ts";
export { annotateByGap, type AnnotateOptions, type AnnotateResult } from "./annotate/annotate.ts";
export {
  GAP_DEFAULTS,
  type GapOptions,
  type GapWord,
  gapWords,
  hardSpans,
  smoothGaps,
} from "./annotate/gap.ts";
export { ANNOTATORS, type Annotator, type AnnotatorName } from "./annotate/annotator.ts";
export {
  annotate,
  type AnnotationOptions,
  type AnnotationProgress,
  type AnnotationSummary,
} from "./annotate/run.ts";
export { Budget } from "./annotate/llm/budget.ts";
export { ChatClient } from "./annotate/llm/chat-client.ts";
export { Chat } from "./annotate/llm/chat.ts";
export { LlmAnnotator } from "./annotate/llm/llm-annotator.ts";
export { LOCATE_DEFAULTS } from "./annotate/llm/locate.ts";
export { Pacer } from "./annotate/llm/pacer.ts";
export { MERGE_DISTANCE } from "./annotate/llm/spans.ts";
export { ScoringAnnotator } from "./annotate/scoring-annotator.ts";
export { type ScoredToken, scoreTrace } from "./annotate/scores.ts";
