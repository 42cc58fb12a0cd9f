/** Reads rows to train on, from every source and in every form that the readers know. */
import { DataError } from "../core/errors.ts";
import type { TraceRow } from "../formats/trace-row.ts";
import { parseTagged } from "../tags/index.ts";
import type { ChatMessage } from "../tokenizer/chat-template.ts";
import { afterThinkTag } from "../tags/chain-of-thought.ts";
import { conversationOf } from "./readers/conversation.ts";
import type { RawRecord } from "./readers/raw-record.ts";
import type { ReadTracesOptions } from "./readers/read-traces.ts";
import { readRecords } from "./readers/records.ts";
import { KNOWN_COLUMNS, rowsOf, skippedError } from "./readers/rows.ts";

/** A conversation and the assistant's turn to learn, with the spans that the big model will write. */
export interface TrainingRow {
  readonly messages: readonly ChatMessage[];
  /** The turn without offload tags and without the opening `<think>`, which belongs to the prompt. */
  readonly trace: string;
  /** UTF-16 offsets into `trace`, in order. */
  readonly spans: readonly { readonly start: number; readonly end: number }[];
}

/**
 * Reads the training rows of a source (see {@link readRecords}). A row is a trace row (as `data annotate` writes it), `{prompt,
 * completion}`, `{messages}` that end with the assistant's, or a problem with `generations`. System messages and earlier turns
 * stay in the prompt. Offload tags become spans.
 * @throws DataError naming file, line and field; also for a source without rows.
 */
export async function* trainingRows(
  spec: string,
  options: Omit<ReadTracesOptions, "limit"> = {},
): AsyncGenerator<TrainingRow> {
  let rows = 0;
  for await (const record of readRecords(spec, KNOWN_COLUMNS, options)) {
    for (const row of rowsOfRecord(record, options)) {
      yield row;
      rows += 1;
    }
  }
  if (rows === 0) throw new DataError(`${spec} has no rows.`, { code: "data-invalid" });
}

/** Turns a trace row into a training row. */
export const fromTraceRow = ({ problem, trace, spans }: TraceRow): TrainingRow => ({
  messages: [{ role: "user", content: problem }],
  trace,
  spans: spans ?? [],
});

/**
 * Makes the rows of a record. A problem without a generation known to be correct gives none; any other unusable record is an
 * error.
 */
function rowsOfRecord(
  record: RawRecord,
  { generation = "first-correct", onSkip }: ReadTracesOptions,
): TrainingRow[] {
  const conversation = trainingConversation(record);
  if (conversation !== undefined) return [conversation];
  return rowsOf(record, generation).flatMap((outcome) => {
    if (outcome.type === "skipped") {
      if (outcome.reason === "invalid") throw skippedError(outcome);
      onSkip?.(outcome);
      return [];
    }
    const [fault] = outcome.faults;
    if (fault !== undefined) throw badTags(record.place, fault);
    return [fromTraceRow(outcome.row)];
  });
}

/** Reads a conversation and keeps every message, unlike a trace row; undefined for a row in another form. */
function trainingConversation({ content, place }: RawRecord): TrainingRow | undefined {
  const value = "value" in content ? content.value : undefined;
  if (typeof value !== "object" || value === null || "trace" in value || "generations" in value)
    return undefined;
  const turns = conversationOf(value)?.turns;
  if (turns === undefined) return undefined;
  const messages = turns.map(({ role, content: text }): ChatMessage => {
    if (role === "system" || role === "user" || role === "assistant") return { role, content: text };
    throw new DataError(
      `${place}: a message has the role ${JSON.stringify(role)}; system, user and assistant are known.`,
      {
        code: "data-invalid",
      },
    );
  });
  const last = messages.at(-1);
  if (last?.role !== "assistant" || messages.length < 2) {
    throw new DataError(
      `${place}: a conversation has at least two messages, and the last must be the assistant's, not ${last?.role ?? "missing"}.`,
      { code: "data-invalid" },
    );
  }
  const { plain, spans, faults } = parseTagged(afterThinkTag(last.content));
  const [fault] = faults;
  if (fault !== undefined) throw badTags(place, fault);
  return { messages: messages.slice(0, -1), trace: plain, spans };
}

const badTags = (
  place: string,
  { kind, position }: { readonly kind: string; readonly position: number },
): DataError =>
  new DataError(`${place}: offload tags do not pair (${kind} at offset ${position}).`, {
    code: "data-invalid",
  });
