/** The small model drafts steps, and the big one reads each. What the big model accepts becomes output. */
import type { BigModel, Loss } from "../contexts/big-model.ts";
import type { ModelContext } from "../contexts/model-context.ts";
import type { DraftPlan } from "../policies/policy.ts";
import { type SegmentRun, type Session, canHandOver, prepareBig } from "../session/session.ts";
import { endSegment, finishWith } from "../segments/segment-ends.ts";
import { keepTokens, type UntaggedToken } from "../segments/untagged-tokens.ts";
import { keepRead, readDraft } from "./draft-reading.ts";
import { type Draft, StepDrafts } from "./step-drafts.ts";

export async function writeDrafted(session: Session, small: ModelContext, plan: DraftPlan): SegmentRun {
  const { transcript, ledger } = session;
  const drafts = new StepDrafts(session, small, plan);
  let begun: UntaggedToken | undefined;
  try {
    for (;;) {
      if (transcript.remaining <= 0) return await finishWith(session, "length");
      if ((await small.sync()).status === "context-full") return await finishWith(session, "context-full");
      const { draft, keep, inBig } = await judgedDraft(session, drafts, plan, begun);
      const { tokens, next, end } = draft;
      const isWhole = keep === tokens.length;
      const goesOn = isWhole && end === "step" && !(plan.handOver === true && canHandOver(session));
      begun = goesOn ? next : undefined;
      if (!goesOn) await drafts.drop(draft, keep);
      drafts.settle(keep);
      await keepTokens(session, tokens.slice(0, keep), { reason: plan.reason, inBig });
      if (goesOn) continue;
      if (!isWhole) return await endSegment(session, "scheduled");
      if (end === "step") return await endSegment(session, "scheduled");
      if (end.reason === "context-full") return await finishWith(session, "context-full");
      if (end.reason === "end-of-turn") {
        ledger?.endTurn({ ...end, mask: 1 });
        return await finishWith(session, "end-of-turn");
      }
    }
  } finally {
    drafts.end();
  }
}

interface JudgedDraft {
  /** It is in the small model's sequence. */
  readonly draft: Draft;
  readonly keep: number;
  readonly inBig: boolean;
}

async function judgedDraft(
  session: Session,
  drafts: StepDrafts,
  plan: DraftPlan,
  begun: UntaggedToken | undefined,
): Promise<JudgedDraft> {
  const { big } = session;
  if (big === undefined || !(await isListening(session, big))) {
    const draft = await drafts.write(begun);
    return { draft, keep: draft.tokens.length, inBig: false };
  }
  return plan.candidates === 1
    ? await judgeOne(session, big, await drafts.write(begun), plan)
    : await chooseBest(session, big, drafts, { plan, begun });
}

/** Whether the big model could write now, with its context up to date. */
async function isListening(session: Session, big: BigModel): Promise<boolean> {
  return canHandOver(session) && (await prepareBig(session, big)) === undefined;
}

async function judgeOne(
  session: Session,
  big: BigModel,
  draft: Draft,
  plan: DraftPlan,
): Promise<JudgedDraft> {
  const { tokens } = draft;
  if (tokens.length === 0) return { draft, keep: 0, inBig: true };
  const start = big.context.sequence.position;
  const outcome = await readDraft(session, big, tokens, plan.judge);
  if ("loss" in outcome) return await unread(session, draft, outcome.loss);
  const { keep } = outcome.reading;
  const { inBig, loss } = await keepRead(session, big, { tokens, start, keep });
  if (loss !== undefined) return await unread(session, draft, loss);
  return { draft, keep, inBig };
}

/** The big model was lost while it read the draft: the draft stays. */
async function unread(session: Session, draft: Draft, loss: Loss): Promise<JudgedDraft> {
  await session.emit({ type: "degraded", ...loss });
  return { draft, keep: draft.tokens.length, inBig: false };
}

/** Chooses the draft with the highest value, and the first among equals. Equal drafts are read once. If the first draft is the end of the turn, it is chosen. */
async function chooseBest(
  session: Session,
  big: BigModel,
  drafts: StepDrafts,
  { plan, begun }: { readonly plan: DraftPlan; readonly begun: UntaggedToken | undefined },
): Promise<JudgedDraft> {
  const written = await drafts.writeSeveral(plan.candidates, begun);
  const start = big.context.sequence.position;
  const seen = new Set<string>();
  let best: { readonly draft: Draft; readonly value: number } | undefined;
  for (const draft of written[0]?.tokens.length === 0 ? [] : written) {
    const text = draft.tokens.map((token) => token.text).join("");
    if (text === "" || seen.has(text)) continue;
    seen.add(text);
    const outcome = await readDraft(session, big, draft.tokens, plan.judge);
    if ("loss" in outcome) {
      await session.emit({ type: "degraded", ...outcome.loss });
      break;
    }
    if (best === undefined || outcome.reading.value > best.value) {
      best = { draft, value: outcome.reading.value };
    }
    const { loss } = await keepRead(session, big, { tokens: draft.tokens, start, keep: 0 });
    if (loss === undefined) continue;
    await session.emit({ type: "degraded", ...loss });
    break;
  }
  const chosen = best?.draft ?? written[0];
  if (chosen === undefined) throw new RangeError("no draft was asked for");
  await drafts.restore(chosen);
  // The first token of the next step was discarded with the other drafts. A choice among draws is no draw of the small model's: mask 0.
  const { next: _, ...rest } = chosen;
  const draft = { ...rest, tokens: chosen.tokens.map((token) => ({ ...token, mask: 0 as const })) };
  return { draft, keep: draft.tokens.length, inBig: false };
}
