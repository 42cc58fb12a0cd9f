/** The big model reads a draft on trial: how good it is, and how much of it stays in the context. */
import { controlPiece } from "../../core/piece.ts";
import type { BigModel, Loss } from "../contexts/big-model.ts";
import { mergeIds } from "../contexts/merge-ids.ts";
import type { DraftJudge } from "../policies/policy.ts";
import type { Session } from "../session/session.ts";
import { withoutTags } from "../segments/big-segment-parts.ts";
import type { UntaggedToken } from "../segments/untagged-tokens.ts";

interface Reading {
  /** Tokens of the draft that stay, from its first one on. */
  readonly keep: number;
  /** The figure by which a candidate is chosen: the highest is the best. */
  readonly value: number;
}

export type ReadingOutcome = { readonly reading: Reading } | { readonly loss: Loss };

/** Reads one draft after the big model's context, which must be up to date ({@link BigModel.prepare}). Call {@link keepRead} afterwards. */
export async function readDraft(
  session: Session,
  big: BigModel,
  tokens: readonly UntaggedToken[],
  judge: DraftJudge,
): Promise<ReadingOutcome> {
  try {
    const reading =
      judge.by === "likelihood"
        ? await readByLikelihood(big, tokens, judge)
        : await readByQuestion(session, big, tokens, judge);
    session.signal.throwIfAborted();
    return reading === "full" ? { loss: big.runFull() } : { reading };
  } catch (error) {
    session.signal.throwIfAborted();
    return { loss: big.fail(error) };
  }
}

/**
 * Keeps the first `keep` tokens of what was read after `start`, and forgets the rest.
 * @returns whether the big model has read them; if not, it must be given them again.
 */
export async function keepRead(
  session: Session,
  big: BigModel,
  { tokens, start, keep }: { tokens: readonly UntaggedToken[]; start: number; keep: number },
): Promise<{ readonly inBig: boolean; readonly loss?: Loss }> {
  const pieces = big.piecesOf(tokens);
  const isAll = keep === tokens.length;
  // With different vocabularies a part of the draft may end within a token of the big model: it is read again.
  const position = isAll ? undefined : big.sharesTokens ? start + keep : start;
  try {
    const { sequence } = big.context;
    if (position !== undefined) await big.context.inTime(sequence.truncate(position), "forgetting a draft");
  } catch (error) {
    session.signal.throwIfAborted();
    return { inBig: false, loss: big.fail(error) };
  }
  if (!isAll && !big.sharesTokens) return { inBig: keep === 0 };
  big.context.noteGenerated(isAll ? pieces : pieces.slice(0, keep));
  return { inBig: true };
}

async function readByLikelihood(
  big: BigModel,
  tokens: readonly UntaggedToken[],
  judge: Extract<DraftJudge, { readonly by: "likelihood" }>,
): Promise<Reading | "full"> {
  const { sequence, signal } = big.context;
  const pieces = mergeIds(big.piecesOf(tokens));
  const options = { watch: [], tokenLogprobs: true };
  const outcome = await big.context.inTime(sequence.score(pieces, options, signal), "reading a draft");
  if (outcome.status === "context-full") return "full";
  const { entries } = outcome;
  // Unknown for the first token of a sequence only, which no draft is.
  const logprobs = entries.map(({ tokenLogprob }) => tokenLogprob ?? 0);
  const kept = judge.keep(logprobs);
  const value = judge.value(logprobs);
  if (kept >= entries.length) return { keep: tokens.length, value };
  const units = entries.slice(0, kept).reduce((sum, { text }) => sum + text.length, 0);
  return { keep: big.sharesTokens ? wholeUntil(tokens, kept) : tokensWithin(tokens, units), value };
}

async function readByQuestion(
  session: Session,
  big: BigModel,
  tokens: readonly UntaggedToken[],
  judge: Extract<DraftJudge, { readonly by: "question" }>,
): Promise<Reading | "full"> {
  const { sequence, signal } = big.context;
  const read = await big.context.inTime(
    sequence.append(mergeIds(big.piecesOf(tokens)), signal),
    "reading a draft",
  );
  if (read.status === "context-full") return "full";
  const afterDraft = sequence.position;
  const asked = await big.context.inTime(
    sequence.append([controlPiece(judge.question)], signal),
    "reading a question",
  );
  if (asked.status === "context-full") return "full";
  const answer = await big.context.inTime(readAnswer(session, big, judge.answerTokens), "an answer");
  await big.context.inTime(sequence.truncate(afterDraft), "forgetting a question");
  return { keep: judge.accepts(answer) ? tokens.length : 0, value: 0 };
}

/** Decodes the answer, greedily. It is not part of the output: its tokens count as discarded. */
async function readAnswer(session: Session, big: BigModel, maxTokens: number): Promise<string> {
  const { sequence, signal, engine } = big.context;
  const bias = withoutTags(engine, session.settings.options.tags);
  const sampling = { temperature: 0, seed: session.settings.sampling.seed };
  let answer = "";
  for await (const event of sequence.generate({ maxTokens, sampling, bias }, signal)) {
    if (event.type === "end") break;
    answer += event.text;
    big.context.countDiscarded(1);
  }
  return answer;
}

/** How many of the first `count` tokens can be kept without ending within a code point. */
function wholeUntil(tokens: readonly UntaggedToken[], count: number): number {
  let whole = count;
  while (whole > 0 && tokens[whole - 1]?.text === "") whole--;
  return whole;
}

/** The tokens that lie wholly within the first `units` code units of the text. */
function tokensWithin(tokens: readonly UntaggedToken[], units: number): number {
  let count = 0;
  let length = 0;
  for (const { text } of tokens) {
    length += text.length;
    if (length > units) break;
    count++;
  }
  return wholeUntil(tokens, count);
}
