/** The data that the micro models learn from: whole problems with their traces, and drills in the same wording, mixed by the row. */
import { createRng, type Rng } from "../../core/rng.ts";
import { controlPiece, textPiece, type Piece } from "../../core/piece.ts";
import {
  type DrillKind,
  microExample,
  type MicroExample,
  type Skill,
  writeDrill,
} from "../../micro/index.ts";
import { ByteLevelTokenizer, ChatTemplate, trainBytePairs } from "../../tokenizer/index.ts";
import { encodeDatum, type WeightedPiece } from "../../train/supervised/trace-datum.ts";
import type { Datum } from "../../train/trainer.ts";

export const END_OF_TURN = "<|im_end|>";
const PADDING = "<|endoftext|>";
const CONTROL_TOKENS = [
  PADDING,
  "<|im_start|>",
  END_OF_TURN,
  "<think>",
  "</think>",
  "<bigmodel>",
  "</bigmodel>",
] as const;

const template = new ChatTemplate("chatml");
export const CHAT_TEMPLATE = template.source;

/** The user's turn and the opening of the chain of thought. */
export function promptPieces(problem: string): Piece[] {
  return template.render([{ role: "user", content: problem }], { openThinking: true });
}

/** A vocabulary in which every word of the domain is one token, every digit too. */
export function microTokenizer(): ByteLevelTokenizer {
  const corpus = Array.from({ length: 2000 }, (_, index) => {
    const { text, trace } = microExample("train", 0, index);
    return `user\n${text}assistant\n${trace.text.replace("</think>", "")}`;
  });
  const vocabulary = trainBytePairs({ corpus, controlTokens: CONTROL_TOKENS });
  return new ByteLevelTokenizer(vocabulary, { endOfTurn: END_OF_TURN });
}

/** A whole example. The prompt is context; the trace and the end of the turn are learned. */
export function traceDatum(
  tokenizer: ByteLevelTokenizer,
  { text, trace }: Pick<MicroExample, "text" | "trace">,
): Datum {
  return encodeDatum(tokenizer, [
    ...promptPieces(text).map((piece): WeightedPiece => ({ piece, weight: 0 })),
    { piece: controlPiece(trace.text), weight: 1 },
    { piece: controlPiece(END_OF_TURN), weight: 1 },
  ]);
}

export interface MixOptions {
  readonly seed: number;
  readonly rowLength: number;
  readonly rows: number;
  /** Share of the rows that hold drills only; the others hold a trace, and drills where there is room. */
  readonly drillRows: number;
  /** Share of the drills that are products; the rest is half sums, half differences. */
  readonly productDrills: number;
}

/** The batch of a training step. It is a pure function of its arguments, so a resumed run sees the same data. */
export function mixedBatch(tokenizer: ByteLevelTokenizer, step: number, options: MixOptions): Datum[] {
  const rng = createRng(options.seed).fork(`micro batch ${step}`);
  return Array.from({ length: options.rows }, (_, row) => {
    const data: Datum[] = [];
    let room = options.rowLength;
    if (rng.next() >= options.drillRows) {
      const datum = traceDatum(tokenizer, microExample("train", options.seed, step * options.rows + row));
      data.push(datum);
      room -= datum.tokens.length;
    }
    while (room >= SMALLEST_DRILL_DOCUMENT) {
      const datum = drillDocument(
        tokenizer,
        Math.min(room, LARGEST_DRILL_DOCUMENT),
        options.productDrills,
        rng,
      );
      data.push(datum);
      room -= datum.tokens.length;
    }
    return data;
  }).flat();
}

/** Room for one fact of any kind. */
const SMALLEST_DRILL_DOCUMENT = 36;
/** About as long as a trace, so that facts are met at the positions where traces have them. */
const LARGEST_DRILL_DOCUMENT = 256;

/** Fills a document with as many facts as fit. Only results are learned: operands are drawn by chance and teach nothing. */
function drillDocument(tokenizer: ByteLevelTokenizer, length: number, productShare: number, rng: Rng): Datum {
  const parts: WeightedPiece[] = [];
  let used = 0;
  for (;;) {
    const drill = writeDrill(drawKind(productShare, rng), rng);
    const weighted = drill.parts.map(({ text, skill }) => ({
      piece: textPiece(text),
      weight: isResult(skill) ? 1 : 0,
    }));
    used += tokenizer.encode(weighted.map(({ piece }) => piece)).length;
    if (used > length) break;
    parts.push(...weighted);
  }
  return encodeDatum(tokenizer, parts);
}

function drawKind(productShare: number, rng: Rng): DrillKind {
  if (rng.next() < productShare) return "product";
  return rng.next() < 0.5 ? "plus" : "minus";
}

const isResult = (skill: Skill): boolean =>
  skill === "plus" || skill === "minus" || skill === "product" || skill === "keep";
