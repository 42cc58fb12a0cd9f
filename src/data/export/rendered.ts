/**
 * Trace rows rendered by a chat template, as text or as tokens. Many templates of reasoning models remove the thoughts before
 * `</think>` from an assistant's message; a trainer that applied them would train on the answer alone. Here the template
 * renders only the prompt, and the turn follows unchanged.
 */
import { given } from "../../core/given.ts";
import { ConfigError, DataError } from "../../core/errors.ts";
import { controlPiece, type Piece } from "../../core/piece.ts";
import type { TraceRow } from "../../formats/trace-row.ts";
import { closesThought, OFFLOAD_TAGS, wrapSpans, wrapSpansAsPieces } from "../../tags/index.ts";
import { ChatTemplate } from "../../tokenizer/chat-template.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { integers, listOf, texts } from "../writers/parquet-schema.ts";
import { type ExportForm, kept, KEPT_COLUMNS } from "./formats.ts";

export interface TurnTemplate {
  /** Name of a built-in template, or Jinja source. */
  readonly template: string;
  readonly beginOfText?: string;
  /** Text that ends the assistant's turn. */
  readonly endOfTurn: string;
}

export interface TokenFormOptions extends TurnTemplate {
  readonly tokenizer: Tokenizer;
  /** Whether the tokens between the tags, which the big model will write, are learned. The tags always are. */
  readonly learnSpans: boolean;
  /** Name of the mask: `completion_mask` for TRL, `loss_mask` for SkyRL. */
  readonly mask: string;
}

/** TRL's standard prompt-completion form: two texts that, joined, are what the model sees. */
export function renderedForm(turn: TurnTemplate): ExportForm {
  const prompt = promptOf(turn);
  return {
    columns: [texts("prompt", { long: true }), texts("completion", { long: true }), ...KEPT_COLUMNS],
    convert: (row) => ({
      prompt: prompt(row)
        .map((piece) => piece.text)
        .join(""),
      completion: `${wrapSpans(row.trace, row.spans ?? [])}${turn.endOfTurn}`,
      ...kept(row),
    }),
  };
}

/**
 * Token ids and a mask of the same length, 1 where the loss counts. Rows are encoded exactly as in `train sft`: markers from
 * the template and the spans are control tokens; markers in a problem's text are not.
 * @throws ConfigError when the vocabulary has no offload tags.
 */
export function tokenForm({ tokenizer, learnSpans, mask, ...turn }: TokenFormOptions): ExportForm {
  const missing = [OFFLOAD_TAGS.open, OFFLOAD_TAGS.close].filter(
    (tag) => tokenizer.controlId(tag) === undefined,
  );
  if (missing.length > 0) {
    throw new ConfigError(
      `${missing.join(" and ")} are no tokens of this tokenizer: add them to its added_tokens, or export text instead (--template).`,
      { code: "config-invalid" },
    );
  }
  const prompt = promptOf(turn);
  return {
    columns: [listOf("input_ids", integers("id")), listOf(mask, integers("learned")), ...KEPT_COLUMNS],
    convert: (row) => {
      const ids: number[] = [];
      const learned: number[] = [];
      const add = (piece: Piece, weight: number): void => {
        for (const id of tokenizer.encode([piece])) {
          ids.push(id);
          learned.push(weight);
        }
      };
      for (const piece of prompt(row)) add(piece, 0);
      let inside = false;
      for (const piece of wrapSpansAsPieces(row.trace, row.spans ?? [])) {
        if (piece.control === true) {
          inside = !inside;
          add(piece, 1);
        } else add(controlPiece(piece.text), inside && !learnSpans ? 0 : 1);
      }
      add(controlPiece(turn.endOfTurn), 1);
      return { input_ids: ids, [mask]: learned, ...kept(row) };
    },
  };
}

function promptOf({ template, beginOfText, endOfTurn }: TurnTemplate): (row: TraceRow) => Piece[] {
  if (endOfTurn === "") {
    throw new DataError("the tokenizer names no eos_token, by which a turn would end.", {
      code: "data-invalid",
    });
  }
  const chat = new ChatTemplate(template);
  return ({ problem, trace }) =>
    chat.render([{ role: "user", content: problem }], {
      openThinking: closesThought(trace),
      endOfTurn,
      ...given({ beginOfText }),
    });
}
