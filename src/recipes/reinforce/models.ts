/** The two models of a run: what must hold between them, and how each reads a prompt. */
import { ConfigError } from "../../core/errors.ts";
import type { TokenId } from "../../core/ids.ts";
import { contextOptions } from "../../decode/pair/context-need.ts";
import { type PairPrompt, renderPrompts } from "../../decode/pair/pair.ts";
import type { Engine } from "../../engines/engine.ts";
import { openEngine } from "../../engines/open/open-engine.ts";
import type { Turns } from "../../engines/turns.ts";
import { requireTags } from "../../tags/index.ts";
import {
  type ChatMessage,
  ChatTemplate,
  type OpenThinking,
  opensThought,
  type Tokenizer,
} from "../../tokenizer/index.ts";
import type { TagIds } from "../../train/grpo/trajectory.ts";
import type { StartingModel } from "../../train/starting-model.ts";
import type { ReinforceConfig } from "./config.ts";
import { longestPrompt } from "./problems.ts";

/** Tokens of the tags in the small model's vocabulary. @throws ConfigError when they are no control tokens there. */
export function tagIdsOf(
  { tokenizer, endOfTurn, chatTemplate: template }: StartingModel,
  { model, tags }: Pick<ReinforceConfig, "model" | "tags">,
): TagIds {
  const isControlToken = (marker: string): boolean => tokenizer.controlId(marker) !== undefined;
  requireTags(tags, { model, isControlToken, template });
  const idOf = (marker: string): TokenId => {
    const id = tokenizer.controlId(marker);
    if (id !== undefined) return id;
    throw new ConfigError(`${model} has no control token ${marker}.`, { code: "pair-mismatch" });
  };
  return { open: idOf(tags.open), close: idOf(tags.close), endOfTurn: idOf(endOfTurn) };
}

/** Tokens for the big model's own chat template, which may be longer than the small one's. */
const ROOM_FOR_TEMPLATE = 256;

/** Opens the big model; the caller closes it. @throws ConfigError when its vocabulary is not the small model's. */
export async function openBig(
  config: ReinforceConfig,
  { tokenizer }: StartingModel,
  turns: Turns,
  signal: AbortSignal | undefined,
): Promise<Engine> {
  const { grpo } = config;
  const longestContext = grpo.maxTokens + longestPrompt(config) + ROOM_FOR_TEMPLATE;
  const context = contextOptions(config.context, longestContext);
  const big = await openEngine(config.big, { sequences: grpo.concurrency, turns, ...context }, signal);
  if (big.vocabulary === tokenizer.vocabulary) return big;
  await big.close();
  throw new ConfigError(
    `${config.big} has another vocabulary than ${config.model}: the policy model is trained on the big model's token ids, so both must have the same.`,
    { code: "pair-mismatch" },
  );
}

/** Renders messages as the pair is served: each model reads its own template. A big model without one reads the small model's. */
export function rendererFor(
  template: string,
  tokenizer: Tokenizer,
  big: Pick<Engine, "chatTemplate" | "capabilities">,
  openThinking: OpenThinking,
): (messages: readonly ChatMessage[]) => PairPrompt {
  const small = {
    template: new ChatTemplate(template),
    openThinking: opensThought(openThinking, (marker) => tokenizer.controlId(marker) !== undefined),
  };
  const ofBig = {
    template: new ChatTemplate(big.chatTemplate ?? template),
    openThinking: opensThought(openThinking, big.capabilities.isControlToken),
  };
  return (messages) => renderPrompts(messages, small, ofBig);
}
