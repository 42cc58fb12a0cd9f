/**
 * Renders messages to pieces by any Jinja chat template. The template never sees what people wrote: it is rendered with placeholders, which
 * are replaced afterwards. So the template's own text is trusted (`control`) and contents are plain text. Nothing in a content can be a
 * marker or template code.
 */
import { Template } from "@huggingface/jinja";

import { z } from "zod";

import { ConfigError, errorMessage } from "../core/errors.ts";
import { controlPiece, textPiece, type Piece } from "../core/piece.ts";
import { THINK_TAGS } from "../tags/grammar.ts";
import { BUILT_IN_TEMPLATES } from "./built-in-templates.ts";

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/**
 * Whether a prompt ends with `<think>\n` where the template does not write it. `if-token`: for a model whose vocabulary has `<think>` as a
 * control token.
 */
export const openThinkingSchema = z.union([z.boolean(), z.literal("if-token")]);
export type OpenThinking = z.output<typeof openThinkingSchema>;

/** {@link OpenThinking} for one model. */
export const opensThought = (setting: OpenThinking, isControlToken: (marker: string) => boolean): boolean =>
  setting === "if-token" ? isControlToken(THINK_TAGS.open) : setting;

/** The part of the assistant's turn that a rendered prompt has opened: `<think>\n`, or nothing. */
export function thoughtOpening(prompt: readonly Piece[]): string {
  const last = prompt.at(-1);
  const isOpen = last?.control === true && last.text.trimEnd().endsWith(THINK_TAGS.open);
  return isOpen ? `${THINK_TAGS.open}\n` : "";
}

export interface RenderOptions {
  /** Whether the assistant's turn is opened for the model to write. Default true. */
  readonly openAssistant?: boolean;
  /** Whether that turn begins with `<think>\n`, even if the template does not write it. Default false. */
  readonly openThinking?: boolean;
  /** The template's `bos_token` and `eos_token`. */
  readonly beginOfText?: string;
  readonly endOfTurn?: string;
}

/** A placeholder is a number between two private-use characters, in em spaces. If the spaces are gone, the template trims. */
const START = "\uE000";
const END = "\uE001";
const MARGIN = "\u2003";
const PLACEHOLDER = new RegExp(`(${MARGIN}?)${START}([0-9]+)${END}(${MARGIN}?)`, "u");

export class ChatTemplate {
  readonly source: string;
  readonly #template: Template;

  /**
   * @param template The name of a built-in template (chatml, deepseek-r1, llama3, plain) or Jinja source.
   * @throws ConfigError if it is neither.
   */
  constructor(template: string) {
    this.source = Object.entries(BUILT_IN_TEMPLATES).find(([name]) => name === template)?.[1] ?? template;
    if (!/\{[{%]/u.test(this.source) || this.source.includes(START) || this.source.includes(END)) {
      throw new ConfigError(
        `${JSON.stringify(template.slice(0, 60))} is not a chat template: give Jinja source without the characters U+E000 and ` +
          `U+E001, or one of ${Object.keys(BUILT_IN_TEMPLATES).join(", ")}.`,
        { code: "config-invalid" },
      );
    }
    try {
      this.#template = new Template(this.source);
    } catch (error) {
      throw new ConfigError(`the chat template is not valid Jinja: ${errorMessage(error)}`, {
        code: "config-invalid",
        cause: error,
      });
    }
  }

  /**
   * Renders messages. In an assistant's message, everything up to the last `</think>` and the line breaks after it is left out, as in
   * Qwen3's own template.
   * @throws ConfigError if the template refuses the messages, or leaves one out.
   */
  render(messages: readonly ChatMessage[], options: RenderOptions = {}): Piece[] {
    const { openAssistant = true, openThinking = false } = options;
    const parts = this.#renderWithPlaceholders(messages, openAssistant, options).split(PLACEHOLDER);
    const pieces: Piece[] = [];
    const seen = new Set<number>();
    // `split` gives a text, then for each placeholder its margin, number, margin and the text after it.
    for (let index = 0; index < parts.length; index += 4) {
      pushControl(pieces, parts[index] ?? "");
      const [before, number, after] = parts.slice(index + 1, index + 4);
      const message = number === undefined ? undefined : messages[Number(number)];
      if (message === undefined) continue;
      seen.add(Number(number));
      let text = contentOf(message);
      if (before === "") text = text.trimStart();
      if (after === "") text = text.trimEnd();
      if (text !== "") pieces.push(textPiece(text));
    }
    const missing = messages.findIndex((_, index) => !seen.has(index));
    if (missing !== -1) {
      throw new ConfigError(
        `the chat template leaves out message ${missing + 1} of ${messages.length} (${messages[missing]?.role}), or changes its text: ` +
          `choose another template.`,
        { code: "config-invalid" },
      );
    }
    if (openAssistant && openThinking && thoughtOpening(pieces) === "")
      pushControl(pieces, `${THINK_TAGS.open}\n`);
    return pieces;
  }

  #renderWithPlaceholders(
    messages: readonly ChatMessage[],
    openAssistant: boolean,
    options: RenderOptions,
  ): string {
    try {
      return this.#template.render({
        messages: messages.map(({ role }, index) => ({ role, content: placeholder(index) })),
        add_generation_prompt: openAssistant,
        bos_token: options.beginOfText ?? "",
        eos_token: options.endOfTurn ?? "",
      });
    } catch (error) {
      throw new ConfigError(`the chat template refuses these messages: ${errorMessage(error)}`, {
        code: "config-invalid",
        cause: error,
      });
    }
  }
}

const placeholder = (index: number) => `${MARGIN}${START}${index}${END}${MARGIN}`;

function contentOf({ role, content }: ChatMessage): string {
  if (role !== "assistant") return content;
  const end = content.lastIndexOf(THINK_TAGS.close);
  return end === -1 ? content : content.slice(end + THINK_TAGS.close.length).replace(/^\n+/u, "");
}

/** Adds text of the template. Neighbouring parts become one piece. */
function pushControl(pieces: Piece[], text: string): void {
  const last = pieces.at(-1);
  if (text === "") return;
  if (last?.control === true) pieces[pieces.length - 1] = controlPiece(last.text + text);
  else pieces.push(controlPiece(text));
}
