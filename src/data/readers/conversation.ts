/** Reads rows that are conversations: `messages`, or `prompt` and `completion`, each a text or messages. */
import { z } from "zod";

import { traceRowSchema } from "../../formats/trace-row.ts";

const messagesSchema = z.array(z.object({ role: z.string(), content: z.string() })).min(1);
const textOrMessages = z.union([z.string(), messagesSchema]);

/** Fields of a trace row that a conversation may also have. */
const besideSchema = traceRowSchema.partial().omit({ problem: true, trace: true, spans: true, scores: true });
const chatSchema = besideSchema.extend({ messages: messagesSchema });
const completionSchema = besideSchema.extend({ prompt: textOrMessages, completion: textOrMessages });

export const CONVERSATION_COLUMNS: readonly string[] = ["messages", "prompt", "completion"];

interface Conversation {
  readonly turns: readonly { readonly role: string; readonly content: string }[];
  readonly beside: z.output<typeof besideSchema>;
}

/** Reads a conversation; undefined for a row in another form. */
export function conversationOf(value: object): Conversation | undefined {
  const completion = completionSchema.safeParse(value);
  if (completion.success) {
    const { prompt, completion: answer, ...beside } = completion.data;
    return { turns: [...asMessages(prompt, "user"), ...asMessages(answer, "assistant")], beside };
  }
  const chat = chatSchema.safeParse(value);
  if (!chat.success) return undefined;
  const { messages, ...beside } = chat.data;
  return { turns: messages, beside };
}

const asMessages = (content: z.output<typeof textOrMessages>, role: string): Conversation["turns"] =>
  typeof content === "string" ? [{ role, content }] : content;
