/** The small model drafts a step: its tokens are in its sequence, and nobody has seen them yet. */
import { textPiece, type Piece } from "../../core/piece.ts";
import type { GenerateEnd, Sampling } from "../../engines/engine.ts";
import { mergeIds } from "../contexts/merge-ids.ts";
import type { ModelContext } from "../contexts/model-context.ts";
import type { DraftPlan } from "../policies/policy.ts";
import { type Session, seedFor } from "../session/session.ts";
import { type UntaggedToken, untaggedTokens } from "../segments/untagged-tokens.ts";
import { untilStepEnds } from "../policies/step-boundaries.ts";

export interface Draft {
  readonly tokens: readonly UntaggedToken[];
  /** Where the sequence was before the first of them. */
  readonly start: number;
  /** The first token of the next step, where only that told that this one is over. It is in the sequence after the draft. */
  readonly next?: UntaggedToken;
  readonly end: "step" | GenerateEnd;
}

export class StepDrafts {
  readonly #session: Session;
  readonly #small: ModelContext;
  readonly #plan: DraftPlan;
  /** Tokens that are drafted, and neither part of the output nor counted as discarded. */
  #unsettled = 0;

  constructor(session: Session, small: ModelContext, plan: DraftPlan) {
    this.#session = session;
    this.#small = small;
    this.#plan = plan;
  }

  /**
   * Writes the next step, to its end or the longest that it may be.
   * @param begun Its first token, where that is in the sequence already.
   */
  async write(begun?: UntaggedToken, sampling?: Sampling): Promise<Draft> {
    const { transcript } = this.#session;
    const start = this.#small.sequence.position - (begun === undefined ? 0 : 1);
    const most = Math.min(this.#plan.maxStepTokens, transcript.remaining);
    const until = untilStepEnds(this.#plan.step, transcript.tail);
    const tokens: UntaggedToken[] = [];
    let text = "";
    const take = (token: UntaggedToken): boolean => {
      const isOver = until(token, text) === "after";
      tokens.push(token);
      text += token.text;
      return isOver;
    };
    if (begun !== undefined && take(begun)) return { tokens, start, end: "step" };
    const more = untaggedTokens(this.#session, this.#small, {
      maxTokens: most - tokens.length,
      ...(sampling === undefined ? {} : { sampling }),
    });
    for (;;) {
      const { value, done } = await more.next();
      if (done === true) return { tokens, start, end: value };
      this.#unsettled++;
      if (until(value, text) === "before") {
        await more.return({ type: "end", reason: "limit" });
        return { tokens, start, next: value, end: "step" };
      }
      if (!take(value)) continue;
      await more.return({ type: "end", reason: "limit" });
      return { tokens, start, end: "step" };
    }
  }

  /**
   * Writes several drafts of the next step, each independent of the others. None is in the sequence afterwards. They are written one after
   * the other, because an engine may have no second sequence for each of them.
   * @param begun The first token of the next step, where it is in the sequence already. It is drawn again.
   */
  async writeSeveral(count: number, begun?: UntaggedToken): Promise<readonly Draft[]> {
    if (begun !== undefined) {
      const start = this.#small.sequence.position - 1;
      await this.drop({ tokens: [begun], start, end: "step" }, 0);
    }
    const drafts: Draft[] = [];
    for (let index = 0; index < count; index++) {
      const draft = await this.write(undefined, this.#samplingOf(index));
      await this.drop(draft, 0);
      drafts.push(draft);
    }
    return drafts;
  }

  /** Puts a dropped draft back into the sequence. Its tokens no longer count as discarded. */
  async restore(draft: Draft): Promise<void> {
    const { vocabulary, capabilities } = this.#small.engine;
    const pieces = draft.tokens.map(({ text, id }): Piece =>
      id === undefined || !capabilities.tokenIds
        ? textPiece(text)
        : { text, tokens: { vocabulary, ids: [id] } },
    );
    await this.#small.sequence.append(mergeIds(pieces), this.#small.signal);
    this.#small.countDiscarded(-draft.tokens.length);
    this.#unsettled += draft.tokens.length;
  }

  /** Forgets what comes after the first `kept` tokens of the draft that is in the sequence. */
  async drop({ tokens, start, next }: Draft, kept: number): Promise<void> {
    const dropped = tokens.length - kept + (next === undefined ? 0 : 1);
    this.#small.countDiscarded(dropped);
    this.#unsettled -= dropped;
    if (this.#small.sequence.position > start + kept) await this.#small.sequence.truncate(start + kept);
  }

  /** Notes that so many tokens are part of the output now. */
  settle(tokens: number): void {
    this.#unsettled -= tokens;
  }

  /** Counts as discarded what was drafted and not settled. Nothing more will be kept. */
  end(): void {
    this.#small.countDiscarded(this.#unsettled);
    this.#unsettled = 0;
  }

  #samplingOf(candidate: number): Sampling | undefined {
    if (candidate === 0) return undefined;
    const { sampling } = this.#session.settings;
    const { temperature } = sampling.temperature === 0 ? this.#plan : sampling;
    return { ...seedFor(`candidate ${candidate}`, sampling), temperature };
  }
}
