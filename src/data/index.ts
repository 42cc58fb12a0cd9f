/**
 * Data: reads traces from anywhere, marks, checks and counts their hard spans, and exports them. It trains and decodes nothing;
 * of engines it uses only scores. The package exports these names; other rooms import the files themselves.
 */
export { annotateByGap, type AnnotateOptions, type AnnotateResult } from "./annotate/annotate.ts";
export { ANNOTATORS, type Annotator, type AnnotatorName } from "./annotate/annotator.ts";
export {
  GAP_DEFAULTS,
  type GapOptions,
  type GapWord,
  gapWords,
  hardSpans,
  smoothGaps,
} from "./annotate/gap.ts";
export { Budget } from "./annotate/llm/budget.ts";
export { ChatClient } from "./annotate/llm/chat-client.ts";
export { Chat } from "./annotate/llm/chat.ts";
export { LlmAnnotator } from "./annotate/llm/llm-annotator.ts";
export { LOCATE_DEFAULTS } from "./annotate/llm/locate.ts";
export { Pacer } from "./annotate/llm/pacer.ts";
export { MERGE_DISTANCE } from "./annotate/llm/boundaries.ts";
export {
  annotate,
  type AnnotationOptions,
  type AnnotationProgress,
  type AnnotationSummary,
} from "./annotate/run.ts";
export { type ScoredToken, scoreTrace } from "./annotate/scores.ts";
export { ScoringAnnotator } from "./annotate/scoring-annotator.ts";
export { Checker, type CheckOptions, type CheckReport } from "./check/checker.ts";
export { type Finding } from "./check/finding.ts";
export { type GenerationChoice } from "./readers/open-r1.ts";
export { type ReadOptions, readOutcomes, readTraces, type ReadTracesOptions } from "./readers/read-traces.ts";
export { type ReadOutcome } from "./readers/rows.ts";
export { type DataStatistics } from "./stats/document.ts";
export { StatisticsBuilder, type StatisticsOptions } from "./stats/statistics.ts";
export { openRowWriter, type RowWriter, writeRows } from "./writers/row-writer.ts";
export { TRACE_COLUMNS } from "./writers/parquet-schema.ts";
