/** The small model writes step by step, and hands a step over whose first token it is unsure of. */
import { EngineError } from "../../core/errors.ts";
import type { GenerateEnd } from "../../engines/engine.ts";
import type { ModelContext } from "../contexts/model-context.ts";
import type { GlimpsePlan } from "../policies/policy.ts";
import { type SegmentRun, type Session, canHandOver } from "../session/session.ts";
import { endSegment, finishWith } from "../segments/segment-ends.ts";
import { keepTokens, untaggedTokens } from "../segments/untagged-tokens.ts";
import { beginsStep, stepStart } from "../policies/step-boundaries.ts";

export async function writeGlimpsed(session: Session, small: ModelContext, plan: GlimpsePlan): SegmentRun {
  const { transcript, ledger } = session;
  for (;;) {
    if (transcript.remaining <= 0) return await finishWith(session, "length");
    if ((await small.sync()).status === "context-full") return await finishWith(session, "context-full");
    const mayBegin = stepStart(plan.step, transcript.tail) !== "no" && canHandOver(session);
    const end = mayBegin ? await glimpse(session, small, plan) : await writeOn(session, small, plan);
    switch (end) {
      case "hard":
        return await endSegment(session, "scheduled");
      case "continue":
        break;
      default:
        if (end.reason === "context-full") return await finishWith(session, "context-full");
        ledger?.endTurn({ ...end, mask: 1 });
        return await finishWith(session, "end-of-turn");
    }
  }
}

type PartEnd = "hard" | "continue" | (GenerateEnd & { readonly reason: "end-of-turn" | "context-full" });

/** Draws one token. It is kept, or discarded when it begins a step that is too hard. */
async function glimpse(session: Session, small: ModelContext, plan: GlimpsePlan): Promise<PartEnd> {
  const before = small.sequence.position;
  const tokens = untaggedTokens(session, small, { maxTokens: 1, entropy: true });
  const { value: first, done } = await tokens.next();
  if (done === true) return partEnd(first);
  await tokens.return({ type: "end", reason: "limit" });
  if (beginsStep(plan.step, session.transcript.tail, first.text) && plan.hard(entropyOf(first, small))) {
    small.countDiscarded(1);
    await small.sequence.truncate(before);
    return "hard";
  }
  await keepTokens(session, [first], { reason: plan.reason, inBig: false });
  return "continue";
}

/** Writes as far as the next place where a step may begin. */
async function writeOn(session: Session, small: ModelContext, plan: GlimpsePlan): Promise<PartEnd> {
  const { transcript } = session;
  const tokens = untaggedTokens(session, small, { maxTokens: transcript.remaining });
  for (;;) {
    const { value, done } = await tokens.next();
    if (done === true) return partEnd(value);
    await keepTokens(session, [value], { reason: plan.reason, inBig: false });
    if (stepStart(plan.step, transcript.tail) === "no" || !canHandOver(session)) continue;
    await tokens.return({ type: "end", reason: "limit" });
    return "continue";
  }
}

function partEnd(end: GenerateEnd): PartEnd {
  const { reason } = end;
  return reason === "end-of-turn" || reason === "context-full" ? { ...end, reason } : "continue";
}

function entropyOf({ entropy }: { readonly entropy?: number }, { engine }: ModelContext): number {
  if (entropy !== undefined) return entropy;
  throw new EngineError(`${engine.model}: its engine reported no entropy, which it said it would.`, {
    code: "engine-failed",
  });
}
