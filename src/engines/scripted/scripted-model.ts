/** Models of the scripted engine: pure functions of the context, so that truncating, forking and cutting calls change nothing. */
import type { TokenId } from "../../core/ids.ts";
import { controlPiece } from "../../core/piece.ts";
import { createRng, hash32 } from "../../core/rng.ts";
import type { EngineTokenizer } from "../token-backend.ts";

export interface ScriptedContext {
  readonly ids: readonly TokenId[];
  /** The whole context as text, with control tokens as their markers. */
  readonly text: string;
  readonly tokenizer: EngineTokenizer;
}

/**
 * The distribution of the next token: logits by id, or the text of one token that is certain, or probabilities by the text of tokens.
 * Probabilities are normalised; a token that is not named is impossible.
 */
export type ScriptedNext = Float64Array | string | Readonly<Record<string, number>>;
export type ScriptedModel = (context: ScriptedContext) => ScriptedNext;

/** The logits by id. Throws if a text is not exactly one token. */
export function logitsOf(next: ScriptedNext, tokenizer: EngineTokenizer): Float64Array {
  if (next instanceof Float64Array) {
    if (next.length === tokenizer.size) return next;
    throw new RangeError(`a scripted model gave ${next.length} logits for a vocabulary of ${tokenizer.size}`);
  }
  const weights = typeof next === "string" ? { [next]: 1 } : next;
  const logits = new Float64Array(tokenizer.size).fill(-Infinity);
  for (const [text, weight] of Object.entries(weights)) {
    if (!(weight >= 0))
      throw new RangeError(`a scripted model gave ${JSON.stringify(text)} the probability ${weight}`);
    logits[singleToken(text, tokenizer)] = Math.log(weight);
  }
  return logits;
}

function singleToken(text: string, tokenizer: EngineTokenizer): TokenId {
  const [id, ...more] = tokenizer.encode([controlPiece(text)]);
  if (id === undefined || more.length > 0) {
    throw new RangeError(
      `a scripted model named ${JSON.stringify(text)}, which is not one token of the vocabulary`,
    );
  }
  return id;
}

/** After the text `after`, the model writes `write`, token by token, with certainty. */
export interface ScriptLine {
  readonly after: string;
  readonly write: string;
}

/**
 * Makes a model that follows a script. The line whose `after` occurs last in the context says what follows; of several at one place, the
 * longest. If no line fits, or the line is at its end, the model throws. Markers in `write` are control tokens; end it with the marker
 * of the end of the turn to end the turn.
 */
export function scriptModel(lines: readonly ScriptLine[]): ScriptedModel {
  return ({ ids, text, tokenizer }) => {
    let best: { readonly line: ScriptLine; readonly end: number } | undefined;
    for (const line of lines) {
      const start = text.lastIndexOf(line.after);
      const end = start + line.after.length;
      const isLater =
        best === undefined ||
        end > best.end ||
        (end === best.end && line.after.length > best.line.after.length);
      if (start >= 0 && isLater) best = { line, end };
    }
    const context = JSON.stringify(text.slice(-80));
    if (best === undefined) throw new Error(`the script has no line for the context ${context}`);
    const written = text.slice(best.end);
    const wanted = tokenizer.encode([controlPiece(best.line.write)]);
    const done = tokenizer.encode([controlPiece(written)]).length;
    const isOnScript = best.line.write.startsWith(written) && ids.length >= done;
    const next = wanted[done];
    if (!isOnScript)
      throw new Error(`the context ${context} left the script ${JSON.stringify(best.line.write)}`);
    if (next === undefined) throw new Error(`the script ends at the context ${context}`);
    const logits = new Float64Array(tokenizer.size).fill(-Infinity);
    logits[next] = 0;
    return logits;
  };
}

export interface RandomModelOptions {
  readonly seed?: number;
  /** Standard deviation of the logits. Default 2.5. */
  readonly liveliness?: number;
  /** Number of last tokens on which the distribution depends, besides the position. Default 8. */
  readonly memory?: number;
  /** Nats added to control tokens, by marker. */
  readonly boost?: Readonly<Record<string, number>>;
}

/** Makes a model with random logits that are the same for the same context. For property tests. */
export function randomModel(options: RandomModelOptions = {}): ScriptedModel {
  const { seed = 1, liveliness = 2.5, memory = 8, boost = {} } = options;
  return ({ ids, tokenizer }) => {
    const rng = createRng(hash32(`${ids.length}:${ids.slice(-memory).join(",")}`, seed));
    const logits = Float64Array.from({ length: tokenizer.size }, () => liveliness * rng.normal());
    for (const [marker, nats] of Object.entries(boost)) {
      const id = tokenizer.controlId(marker);
      if (id === undefined)
        throw new RangeError(`${JSON.stringify(marker)} is not a control token of the vocabulary`);
      logits[id] = (logits[id] ?? 0) + nats;
    }
    return logits;
  };
}
