/** The starting model of `train pretrain`: a shape, random weights, and a tokenizer that is given or learned from the data. */
import { THINK_TAGS } from "../../tags/index.ts";
import { ByteLevelTokenizer, loadTokenizer, trainBytePairs } from "../../tokenizer/index.ts";
import { parseDecoderConfig } from "../../train/model/config.ts";
import { PADDING, type StartingModel } from "../../train/starting-model.ts";
import type { PretrainConfig } from "./config.ts";
import type { SourceRows } from "./examples.ts";

const CHATML_END = "<|im_end|>";
/** Control tokens of a vocabulary that is learned: those of chatml and of thoughts. The tags are added. */
const CONTROL_TOKENS = [PADDING, "<|im_start|>", CHATML_END, THINK_TAGS.open, THINK_TAGS.close];

export async function newModel(config: PretrainConfig, source: SourceRows): Promise<StartingModel> {
  const loaded =
    config.tokenizer === undefined
      ? {
          tokenizer: await learnTokenizer(source, config),
          endOfTurn: undefined,
          chatTemplate: undefined,
        }
      : await loadTokenizer(config.tokenizer);
  const { tokenizer, endOfTurn = CHATML_END, chatTemplate } = loaded;
  const shape = parseDecoderConfig({ ...config.model, vocabularySize: tokenizer.size });
  return {
    tokenizer,
    endOfTurn,
    chatTemplate,
    maxPositions: shape.maxPositions,
    config: shape,
    identity: config.model,
  };
}

async function learnTokenizer(
  source: SourceRows,
  { tags, vocabularySize }: PretrainConfig,
): Promise<ByteLevelTokenizer> {
  const corpus: string[] = [];
  for await (const { messages, trace } of source.rows()) {
    corpus.push(
      ...messages.map(({ role, content }) => `${role}\n${content}`),
      trace.replaceAll(THINK_TAGS.close, "\n"),
    );
  }
  const vocabulary = trainBytePairs({
    corpus,
    controlTokens: [...CONTROL_TOKENS, tags.open, tags.close],
    maxSize: vocabularySize,
  });
  return new ByteLevelTokenizer(vocabulary, { endOfTurn: CHATML_END });
}
