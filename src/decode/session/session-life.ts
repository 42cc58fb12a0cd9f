/** The beginning and the end of a request: makes its parts, reads the prompt, closes everything again, and counts the cost. */
import { EngineError, SplitReasonError, errorMessage } from "../../core/errors.ts";
import { controlPiece } from "../../core/piece.ts";
import { createRng } from "../../core/rng.ts";
import type { Engine } from "../../engines/engine.ts";
import { BigModel } from "../contexts/big-model.ts";
import { createCloseRule } from "./close-rule.ts";
import { Gate, dialSchema } from "../dial/dial.ts";
import { createExchange } from "../contexts/exchange.ts";
import type { FinishEvent, FinishReason, Usage } from "../events/events.ts";
import { LedgerBuilder } from "../events/ledger.ts";
import { ModelContext, NO_WORK } from "../contexts/model-context.ts";
import type { ModelPair } from "../pair/pair-fit.ts";
import type { CheckedRequest, SplitRequest } from "./request.ts";
import type { Session } from "./session.ts";
import { Transcript } from "./transcript.ts";

/** Makes the parts of a request. Opens nothing yet: each model's sequence is opened when it first has something to read. */
export function createSession(
  pair: ModelPair,
  request: SplitRequest,
  settings: CheckedRequest,
  { clock, signal, emit }: Pick<Session, "clock" | "signal" | "emit">,
): Session {
  const { policy } = request;
  const { options, sampling } = settings;
  const usesSmall = policy.uses !== "big";
  const ledger = request.ledger === true ? new LedgerBuilder() : undefined;
  const rng = createRng(sampling.seed);
  const streaming = (engine: Engine): { prefillChunk?: number } =>
    options.streamingPrefill && engine.capabilities.prefill ? { prefillChunk: options.prefillChunk } : {};
  const ledgerOf = (isFirst: boolean) => (isFirst && ledger !== undefined ? { ledger } : {});
  const small = usesSmall
    ? new ModelContext(pair.small, { ...streaming(pair.small), ...ledgerOf(true), signal })
    : undefined;
  const bigEngine = policy.uses === "small" ? undefined : pair.big;
  const big =
    bigEngine === undefined
      ? undefined
      : new BigModel(
          new ModelContext(bigEngine, {
            ...streaming(bigEngine),
            ...ledgerOf(!usesSmall),
            replaceable: options.bigRetries > 0,
            timeoutMs: options.bigTimeoutMs,
            signal,
          }),
          createExchange(pair.small, bigEngine),
          options.bigRetries,
        );
  return {
    settings,
    logprobs: request.logprobs === true || ledger !== undefined,
    signal,
    clock,
    emit,
    small,
    big,
    drafts: undefined,
    smallEngine: pair.small,
    transcript: new Transcript(clock, settings.limits.maxTokens),
    gate: new Gate(usesSmall ? settings.dial : dialSchema.parse({}), rng.fork("dial"), options.expected),
    closeRule: createCloseRule(sampling.temperature, rng.fork("close")),
    ledger,
    tagTokens: { open: 0, close: 0 },
    handoffFromMs: undefined,
    confirmMs: undefined,
  };
}

/** Gives the prompt to both models. Waits for the small one only. */
export async function readPrompt(session: Session, request: SplitRequest): Promise<void> {
  const { small, big, settings, tagTokens } = session;
  // Enough for the background reader to start at once.
  const atOnce = settings.options.prefillChunk;
  big?.context.write(request.promptForBig ?? request.prompt, atOnce, { author: "prompt", mask: 0 });
  small?.write(request.prompt, 0, { author: "prompt", mask: 0 });
  const reader = small ?? big?.context;
  if (reader === undefined) return;
  const { status, position } = await reader.sync();
  if (status === "context-full") {
    throw new EngineError(
      `${reader.engine.model}: the prompt does not fit into its context of ${reader.engine.capabilities.contextSize} ` +
        `tokens; shorten it or load the model with a longer context.`,
      { code: "prompt-too-long" },
    );
  }
  session.transcript.promptTokens = position;
  const { needsTags, needs } = request.policy;
  if (small !== undefined && (needsTags || (needs?.forbidding === true && hasTags(session)))) {
    const { open, close } = settings.options.tags;
    tagTokens.open = await small.engine.countTokens([controlPiece(open)]);
    tagTokens.close = await small.engine.countTokens([controlPiece(close)]);
  }
}

/** Whether the small model knows both tags as control tokens. */
export function hasTags({ small, settings }: Session): boolean {
  const { open, close } = settings.options.tags;
  return [open, close].every((tag) => small?.engine.capabilities.isControlToken(tag) === true);
}

/** Stops both models and frees their sequences. May be called again. */
export async function closeSession({ small, big, drafts }: Session): Promise<void> {
  // The big model may be waiting for a draft: it is closed first.
  await Promise.all([small?.close(), big?.context.close()]);
  await drafts?.close();
}

/** Makes the last event. Call it after both contexts are closed: only then are the counts final. */
export function finishEvent(
  session: Session,
  outcome: { readonly reason: FinishReason; readonly error?: unknown },
): FinishEvent {
  const { transcript, ledger } = session;
  const { promptTokens, smallTokens, bigTokens, tagTokens, switches } = transcript;
  const work = {
    small: session.small?.work ?? session.drafts?.work ?? NO_WORK,
    big: session.big?.context.work ?? NO_WORK,
  };
  const written = smallTokens + bigTokens;
  const usage: Usage = {
    promptTokens,
    smallTokens,
    bigTokens,
    tagTokens,
    discardedTokens: work.small.discarded + work.big.discarded,
    switches,
    offloadShare: written === 0 ? 0 : bigTokens / written,
    work,
  };
  return {
    type: "finish",
    reason: outcome.reason,
    usage,
    timing: transcript.timing(),
    ...(outcome.error === undefined ? {} : { message: errorMessage(outcome.error) }),
    ...(outcome.error instanceof SplitReasonError ? { code: outcome.error.code } : {}),
    ...(ledger === undefined ? {} : { ledger: ledger.build() }),
  };
}
