/**
 * Trace rows rendered by a chat template, as text or as tokens. Many templates of reasoning models cut what stands before `</think>` out of an assistant's message: a
 * trainer that applies them to a conversation would train on the answer alone. Here the template renders the prompt only, and the turn follows it as it is.
 */
import { ConfigError, DataError } from "../../core/errors.ts";
import { controlPiece, type Piece } from "../../core/piece.ts";
import type { TraceRow } from "../../formats/trace-row.ts";
import { OFFLOAD_TAGS, wrapSpans, wrapSpansAsPieces } from "../../tags/index.ts";
import { ChatTemplate } from "../../tokenizer/chat-template.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { integers, listOf, texts } from "../writers/parquet-schema.ts";
import { type ExportForm, kept, KEPT_COLUMNS } from "./formats.ts";

export interface TurnTemplate {
  /** The name of a built-in template or Jinja source. */
  readonly template: string;
  readonly beginOfText?: string;
  /** Ends the assistant's turn. */
  readonly endOfTurn: string;
}

export interface TokenFormOptions extends TurnTemplate {
  readonly tokenizer: Tokenizer;
  /** Whether the tokens between the tags are learnt: the big model will write them. The tags themselves always are. */
  readonly learnSpans: boolean;
  /** What the mask is called: TRL has `completion_mask`, SkyRL `loss_mask`. */
  readonly mask: string;
}

/** TRL's standard prompt-completion: two texts; joined, they are what the model sees. */
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
 * Token ids and a mask of the same length: 1 where the loss counts. Exactly as `train sft` encodes a row: markers are control tokens where the template or the spans
 * put them, and never because a problem says so.
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
    columns: [listOf("input_ids", integers("id")), listOf(mask, integers("learnt")), ...KEPT_COLUMNS],
    convert: (row) => {
      const ids: number[] = [];
      const learnt: number[] = [];
      const add = (piece: Piece, weight: number): void => {
        for (const id of tokenizer.encode([piece])) {
          ids.push(id);
          learnt.push(weight);
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
      return { input_ids: ids, [mask]: learnt, ...kept(row) };
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
  return ({ problem }) =>
    chat.render([{ role: "user", content: problem }], {
      openThinking: true,
      endOfTurn,
      ...(beginOfText === undefined ? {} : { beginOfText }),
    });
}
