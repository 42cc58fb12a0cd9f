/** Teacher forcing: the likelihood of each part of a trace under a model. */
import { EngineError } from "../../core/errors.ts";
import { controlPiece, type Piece } from "../../core/piece.ts";
import type { Engine } from "../../engines/engine.ts";

/** One token of the trace under one model, with UTF-16 offsets into the trace, end exclusive. */
export interface ScoredToken {
  readonly start: number;
  readonly end: number;
  /** log P(token | everything before), nats. */
  readonly logprob: number;
}

/**
 * Scores `trace` after `prompt`. The trace is trusted text: markers in it are special tokens.
 * @throws EngineError when prompt and trace do not fit the model's context.
 */
export async function scoreTrace(
  engine: Engine,
  prompt: readonly Piece[],
  trace: string,
  signal?: AbortSignal,
): Promise<ScoredToken[]> {
  await using sequence = await engine.open({}, signal);
  const appended = await sequence.append(prompt, signal);
  const outcome =
    appended.status === "ok"
      ? await sequence.score([controlPiece(trace)], { watch: [], tokenLogprobs: true }, signal)
      : appended;
  if (outcome.status === "context-full") {
    throw new EngineError(
      `a trace needs ${outcome.required} tokens but ${engine.model} holds ${outcome.capacity}; shorten it or give the model a larger context.`,
      { code: "prompt-too-long" },
    );
  }
  if (!("entries" in outcome)) return [];
  let offset = 0;
  return outcome.entries.map((entry) => {
    const start = offset;
    offset += entry.text.length;
    return { start, end: offset, logprob: entry.tokenLogprob ?? 0 };
  });
}
