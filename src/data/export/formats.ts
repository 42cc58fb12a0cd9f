/** Trace rows in the forms of TRL and SkyRL. Each form lists what it keeps of a row; the rest of the row is left out. */
import { closesThought, THINK_TAGS, wrapSpans } from "../../tags/index.ts";
import type { TraceRow } from "../../formats/trace-row.ts";
import { booleans, listOf, type ParquetColumn, structOf, texts } from "../writers/parquet-schema.ts";

export interface ExportForm {
  /** Columns of a parquet file; JSON Lines has the same fields. */
  readonly columns: readonly ParquetColumn[];
  /** Makes one row; undefined for a trace that the form leaves out. */
  readonly convert: (row: TraceRow) => Readonly<Record<string, unknown>> | undefined;
}

interface Message {
  readonly role: "user" | "assistant";
  readonly content: string;
}

const MESSAGE = structOf("message", [texts("role"), texts("content", { long: true })]);
const messagesColumn = (name: string): ParquetColumn => listOf(name, MESSAGE);

/** Fields that every form for fine-tuning keeps beside the conversation, so that rows can be told apart and read back. */
export const KEPT_COLUMNS: readonly ParquetColumn[] = [
  texts("id", { long: true }),
  texts("annotator"),
  texts("answer"),
  texts("source"),
  booleans("correct"),
];

export const kept = ({ id, annotator, answer, source, correct }: TraceRow) => ({
  id,
  annotator,
  answer,
  source,
  correct,
});

/** The assistant's turn as it is trained: a thought that it closes is opened, and offload tags stand around the spans. */
const taggedTurn = ({ trace, spans = [] }: TraceRow): string =>
  `${closesThought(trace) ? `${THINK_TAGS.open}\n` : ""}${wrapSpans(trace, spans)}`;

const user = ({ problem }: TraceRow): Message => ({ role: "user", content: problem });
const assistant = (row: TraceRow): Message => ({ role: "assistant", content: taggedTurn(row) });

/** TRL's conversational prompt-completion form: its trainer learns only the completion. */
export const trlConversation: ExportForm = {
  columns: [messagesColumn("prompt"), messagesColumn("completion"), ...KEPT_COLUMNS],
  convert: (row) => ({ prompt: [user(row)], completion: [assistant(row)], ...kept(row) }),
};

/**
 * One conversation a row, as SkyRL's supervised trainer (`messages_key`) and most others read it. The last assistant message is
 * learned.
 */
export const conversation: ExportForm = {
  columns: [messagesColumn("messages"), ...KEPT_COLUMNS],
  convert: (row) => ({ messages: [user(row), assistant(row)], ...kept(row) }),
};

/** Takes each problem once: reinforcement learning needs no traces, and several may share a problem. */
export function oncePerProblem(form: ExportForm): ExportForm {
  const seen = new Set<string>();
  return {
    ...form,
    convert: (row) => {
      if (seen.has(row.problem)) return undefined;
      seen.add(row.problem);
      return form.convert(row);
    },
  };
}

/** TRL's conversational prompt-only form, with the answer for a reward function. */
export const trlPrompts: ExportForm = {
  columns: [messagesColumn("prompt"), texts("answer"), texts("id", { long: true }), texts("source")],
  convert: (row) => ({ prompt: [user(row)], answer: row.answer, id: row.id, source: row.source }),
};

/**
 * The form of SkyRL's reinforcement learning: the prompt, its environment, and the fields of the environment's reward. Rows
 * without an answer are left out.
 */
export const skyrlPrompts = (environment: string): ExportForm => ({
  columns: [
    texts("data_source"),
    messagesColumn("prompt"),
    texts("env_class"),
    structOf("reward_spec", [texts("method"), texts("ground_truth")]),
    structOf("extra_info", [texts("id", { long: true })]),
  ],
  convert: (row) =>
    row.answer === undefined
      ? undefined
      : {
          data_source: row.source ?? "splitreason",
          prompt: [user(row)],
          env_class: environment,
          reward_spec: { method: "rule", ground_truth: row.answer },
          extra_info: { id: row.id },
        },
});
