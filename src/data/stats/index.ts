/**
 * Statistics of annotated traces: how much is marked, where, how long the spans are, and how far annotators agree. They count what is there and judge
 * nothing (that is `check`).
 */
export type { Agreement, DataStatistics, GroupStatistics, NamedGroup } from "./document.ts";
export { chainOfThought, countTrace, spansFit } from "./count-trace.ts";
export { Sample } from "./sample.ts";
export { StatisticsBuilder, type StatisticsOptions, WORD_TOKENS } from "./statistics.ts";
export { startsBefore, tokenizerStarts, type TokenStarts, wordStarts } from "./tokens.ts";
