/**
 * Readers: rows from JSON Lines, parquet, folders of them and the Hugging Face hub, as streams with flat memory. They read and
 * say what a record means; judging rows (check) and choosing spans (annotate) is elsewhere.
 */
export { GENERATION_CHOICES, type GenerationChoice } from "./open-r1.ts";
export { type ReadOptions, readOutcomes, readTraces, type ReadTracesOptions } from "./read-traces.ts";
export type { ReadOutcome } from "./rows.ts";
export { formatOf, parseSource } from "./source.ts";
