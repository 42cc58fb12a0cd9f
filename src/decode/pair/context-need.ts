/** How long a context has to be for the work at hand. Each sequence of a model in this process reserves memory for all of it. */
import type { OpenEngineOptions } from "../../engines/open/open-engine.ts";
import type { PairConfig } from "./pair-config.ts";

/** Tokens that a chat template may add of its own: markers, a default system prompt. */
const TEMPLATE_ROOM = 512;
/** Tokens beside the output, as a part of it: tags, and drafts that are not taken. */
const SPARE_SHARE = 1 / 4;
const SPARE_TOKENS = 64;

/**
 * Tokens of the longest prompt and output together, rounded up. It is a bound: a token is at least one byte of UTF-8.
 * @param promptBytes The messages of the longest prompt.
 */
export function contextNeed(
  { maxTokens, template = "", bigTemplate = "" }: Pick<PairConfig, "maxTokens" | "template" | "bigTemplate">,
  promptBytes: number,
): number {
  const ownTemplates = Math.max(template.length, bigTemplate.length);
  const output = Math.ceil(maxTokens * (1 + SPARE_SHARE)) + SPARE_TOKENS;
  return Math.ceil((promptBytes + TEMPLATE_ROOM + ownTemplates + output) / STEP) * STEP;
}

const STEP = 256;

/** The context to open models with: `context` if it is given, otherwise what is needed, at most what the model was made for. */
export const contextOptions = (
  context: number | undefined,
  need: number,
): Pick<OpenEngineOptions, "contextSize" | "longestContext"> =>
  context === undefined ? { longestContext: need } : { contextSize: context };

/** UTF-8 bytes of messages. */
export const bytesOf = (messages: readonly { readonly content: string }[]): number =>
  messages.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0);
