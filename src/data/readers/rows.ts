/** Interprets records: makes trace rows of every form in which people keep reasoning traces. */
import { createHash } from "node:crypto";

import { given } from "../../core/given.ts";
import { DataError } from "../../core/errors.ts";
import { firstFault } from "../../core/schema-faults.ts";
import { type TraceRow, traceRowSchema } from "../../formats/trace-row.ts";
import { OFFLOAD_TAGS, parseTagged, type TagFault } from "../../tags/index.ts";
import { afterThinkTag } from "../../tags/chain-of-thought.ts";
import { CONVERSATION_COLUMNS, conversationOf } from "./conversation.ts";
import { type GenerationChoice, openR1Schema, openR1Traces } from "./open-r1.ts";
import type { RawRecord } from "./raw-record.ts";

/** The reason why a record gave no row. */
type SkipReason =
  /** The record has none of the known forms. */
  | "invalid"
  /** No trace of the problem is known to be correct. */
  | "no-correct-generation"
  | "no-generation";

/** A fault of the tags in a row's text. `tags-beside-spans`: the trace has tags, and the row has spans as well. */
interface RowFault {
  readonly kind: TagFault["kind"] | "tags-beside-spans";
  /** Offset in the original text, tags included. */
  readonly position: number;
}

/** A record that gave no row. */
export interface SkippedRecord {
  readonly type: "skipped";
  readonly reason: SkipReason;
  readonly message: string;
  readonly place: string;
}

export type ReadOutcome =
  | {
      readonly type: "row";
      readonly row: TraceRow;
      /** Faults of the tags; empty for a usable row. */
      readonly faults: readonly RowFault[];
      readonly place: string;
    }
  | SkippedRecord;

/** Turns a skipped record into an error, for readers that stop at it. */
export const skippedError = ({ place, message }: SkippedRecord): DataError =>
  new DataError(`${place} cannot be used: ${message}.`, { code: "data-invalid" });

/** The known columns. No others are read from parquet files. */
export const KNOWN_COLUMNS: ReadonlySet<string> = new Set([
  ...Object.keys(traceRowSchema.shape),
  ...Object.keys(openR1Schema.shape),
  ...CONVERSATION_COLUMNS,
]);

/** Makes the rows of a record: one, or several where a problem has several traces. */
export function rowsOf(record: RawRecord, choice: GenerationChoice): ReadOutcome[] {
  const { place, content } = record;
  const skipped = (reason: SkipReason, message: string): ReadOutcome[] => [
    { type: "skipped", reason, message, place },
  ];
  if ("fault" in content) return skipped("invalid", content.fault);
  const { value } = content;
  if (typeof value !== "object" || value === null) return skipped("invalid", "a row is a JSON object");

  if ("trace" in value) {
    const parsed = traceRowSchema.safeParse(value);
    return parsed.success
      ? [fromTraceRow(parsed.data, place)]
      : skipped("invalid", firstFault(parsed.error, traceRowSchema, value));
  }
  if ("generations" in value) {
    const parsed = openR1Schema.safeParse(value);
    if (!parsed.success) return skipped("invalid", firstFault(parsed.error, openR1Schema, value));
    const traces = openR1Traces(parsed.data, choice, () => digestId([parsed.data.problem]));
    if (traces.length > 0) return traces.map((row) => fromTraceRow(row, place));
    return choice.endsWith("correct")
      ? skipped("no-correct-generation", "no generation is known to be complete and correct")
      : skipped("no-generation", "the problem has no generation");
  }
  return fromConversation(value, place, skipped);
}

function fromConversation(
  value: object,
  place: string,
  skipped: (reason: SkipReason, message: string) => ReadOutcome[],
): ReadOutcome[] {
  const conversation = conversationOf(value);
  if (conversation === undefined) {
    return skipped(
      "invalid",
      "a row has problem and trace, problem and generations, prompt and completion, or messages",
    );
  }
  const { turns, beside } = conversation;
  // A system prompt is no part of the problem.
  const [user, assistant, more] = turns.filter(({ role }) => role !== "system");
  if (user?.role !== "user" || assistant?.role !== "assistant" || more !== undefined) {
    const roles = turns.map(({ role }) => role).join(", ");
    return skipped("invalid", `a trace is one answer of an assistant to one user, not ${roles}`);
  }
  const { annotator, ...kept } = beside;
  const trace = afterThinkTag(assistant.content);
  const row = {
    ...kept,
    ...given({ annotator }),
    id: kept.id ?? digestId([user.content, trace]),
    problem: user.content,
    trace,
  };
  return [fromTraceRow(row, place)];
}

/** Tags in a trace become spans, unless the row has spans already. */
function fromTraceRow(row: TraceRow, place: string): ReadOutcome {
  const tag = firstTag(row.trace);
  if (tag < 0) return { type: "row", row, faults: [], place };
  if (row.spans !== undefined) {
    return { type: "row", row, faults: [{ kind: "tags-beside-spans", position: tag }], place };
  }
  const { plain, spans, faults } = parseTagged(row.trace);
  return { type: "row", row: { ...row, trace: plain, spans: [...spans] }, faults, place };
}

function firstTag(text: string): number {
  const places = [text.indexOf(OFFLOAD_TAGS.open), text.indexOf(OFFLOAD_TAGS.close)].filter(
    (place) => place >= 0,
  );
  return places.length === 0 ? -1 : Math.min(...places);
}

/** Makes an id for a row without one: equal texts have equal ids in every file. */
function digestId(parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:${part}`);
  return hash.digest("hex").slice(0, 16);
}
