/** The small model drafts a step: its tokens are in its sequence, and nobody has seen them yet. */
import { textPiece, type Piece } from "../../core/piece.ts";
import type { GenerateEnd, Sampling } from "../../engines/engine.ts";
import { type ModelContext, mergeIds } from "../contexts/model-context.ts";
import type { DraftPlan } from "../policies/policy.ts";
import { type Session, seedFor } from "../session/session.ts";
import { type UntaggedToken, untaggedTokens } from "../segments/untagged-tokens.ts";
import { untilStepEnds } from "../policies/step-boundaries.ts";

export interface Draft {
  readonly tokens: readonly UntaggedToken[];
  /** Where the sequence was before the first of them. */
  readonly start: number;
  /** The first token of the next step, where only that told that this one is over. It is in the sequence behind the draft. */
  readonly next?: UntaggedToken;
  readonly end: "step" | GenerateEnd;
}

export class StepDrafts {
  readonly #session: Session;
  readonly #small: ModelContext;
  readonly #plan: DraftPlan;
  /** Drafted, and neither part of the output nor counted as thrown away. */
  #unsettled = 0;

  constructor(session: Session, small: ModelContext, plan: DraftPlan) {
    this.#session = session;
    this.#small = small;
    this.#plan = plan;
  }

  /**
   * The next step, to its end or the longest that it may be.
   * @param begun its first token, where that is in the sequence already.
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
   * Several drafts of the next step, each written as if the others were not. None is in the sequence afterwards. They are written one after
   * the other: a second sequence for each is more than an engine with a fixed number of them may have.
   * @param begun is drawn anew.
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

  /** Puts a dropped draft back into the sequence; what it was drawn as no longer counts as thrown away. */
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

  /** Forgets what lies behind the first `kept` tokens of the draft that is in the sequence. */
  async drop({ tokens, start, next }: Draft, kept: number): Promise<void> {
    const dropped = tokens.length - kept + (next === undefined ? 0 : 1);
    this.#small.countDiscarded(dropped);
    this.#unsettled -= dropped;
    if (this.#small.sequence.position > start + kept) await this.#small.sequence.truncate(start + kept);
  }

  /** So many tokens are part of the output now. */
  settle(tokens: number): void {
    this.#unsettled -= tokens;
  }

  /** Nothing more will be kept: what was drafted and not settled is thrown away. */
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
