/** Rows to train on, from any of the forms that people have them in. */
import { z } from "zod";

import { DataError } from "../core/errors.ts";
import { fileLines } from "../core/file-lines.ts";
import { parseJsonLine } from "../core/json-lines.ts";
import { type TraceRow, traceRowSchema } from "../formats/trace-row.ts";
import { parseTagged, THINK_TAGS } from "../tags/index.ts";
import type { ChatMessage } from "../tokenizer/chat-template.ts";

/** A conversation and the assistant's turn that is learnt, with the spans that the big model shall write. */
export interface TrainingRow {
  readonly messages: readonly ChatMessage[];
  /** Without offload tags, and without the `<think>` that opens a chain of thought: the prompt opens it. */
  readonly trace: string;
  /** UTF-16 offsets into `trace`, in order. */
  readonly spans: readonly { readonly start: number; readonly end: number }[];
}

const messageSchema = z.object({ role: z.enum(["system", "user", "assistant"]), content: z.string() });

const completionSchema = z.object({ prompt: z.string(), completion: z.string() });
const messagesSchema = z.object({ messages: z.array(messageSchema).min(2) });
const rowSchema = z.union([traceRowSchema, completionSchema, messagesSchema], {
  error: "a row has problem and trace, or prompt and completion, or messages",
});

/**
 * Reads JSON Lines, row by row, whose rows are trace rows (as `data annotate` writes them), `{prompt, completion}` or `{messages}`, in which the
 * last message, the assistant's, is learnt. Offload tags in a completion are read as spans. Blank lines are skipped.
 * @throws DataError naming file, line and field; also when the file has no rows.
 */
export async function* trainingRows(path: string): AsyncGenerator<TrainingRow> {
  let rows = 0;
  for await (const { text, number } of fileLines(path)) {
    if (text.trim() === "") continue;
    const at = `${path}:${number}`;
    yield toTrainingRow(parseJsonLine(text, rowSchema, at), at);
    rows++;
  }
  if (rows === 0) throw new DataError(`${path} has no rows.`, { code: "data-invalid" });
}

/** A trace row as something to train on. */
export const fromTraceRow = ({ problem, trace, spans }: TraceRow): TrainingRow => ({
  messages: [{ role: "user", content: problem }],
  trace,
  spans: spans ?? [],
});

function toTrainingRow(row: z.output<typeof rowSchema>, where: string): TrainingRow {
  if ("trace" in row) return fromTraceRow(row);
  if ("completion" in row) return fromText([{ role: "user", content: row.prompt }], row.completion, where);
  const last = row.messages.at(-1);
  if (last?.role !== "assistant") {
    throw new DataError(
      `${where}: the last message must be the assistant's, not ${last?.role ?? "missing"}.`,
      {
        code: "data-invalid",
      },
    );
  }
  return fromText(row.messages.slice(0, -1), last.content, where);
}

function fromText(messages: readonly ChatMessage[], text: string, where: string): TrainingRow {
  const opening = `${THINK_TAGS.open}\n`;
  const { plain, spans, faults } = parseTagged(text.startsWith(opening) ? text.slice(opening.length) : text);
  const [fault] = faults;
  if (fault === undefined) return { messages, trace: plain, spans };
  throw new DataError(`${where}: offload tags do not pair (${fault.kind} at offset ${fault.position}).`, {
    code: "data-invalid",
  });
}
