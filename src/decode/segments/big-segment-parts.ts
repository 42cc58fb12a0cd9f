/** Parts of both kinds of the big model's segments. */
import type { Piece } from "../../core/piece.ts";
import type { Engine, GenerateOptions, MarkerBias } from "../../engines/engine.ts";
import type { TagPair } from "../../tags/grammar.ts";
import type { BigModel, KeptPart } from "../contexts/big-model.ts";
import { BigReader, type BigToken } from "../contexts/big-reader.ts";
import { DraftWriter } from "../contexts/draft-writer.ts";
import type { SegmentEndReason } from "../events/events.ts";
import type { BigPlan } from "../policies/policy.ts";
import { type Session, seedFor } from "../session/session.ts";
import { forbid } from "./refused-tags.ts";

/** How many tokens a segment may have, and how it ends when it has them. */
export interface SegmentLimit {
  readonly tokens: number;
  readonly reason: SegmentEndReason;
  /** After so many tokens it ends at the next boundary of the text, for the reason `budget`. */
  readonly boundaryAfter?: number;
}

/** The lowest of the limits of the whole, the dial and the plan; of equal ones the first. */
export function segmentLimit({ transcript, gate }: Session, plan: BigPlan): SegmentLimit {
  const { boundaryAfter, ...allowance } = gate.allowance(transcript);
  const limits: readonly SegmentLimit[] = [
    { tokens: transcript.remaining, reason: "length" },
    allowance,
    { tokens: plan.maxTokens ?? Infinity, reason: "scheduled" },
  ];
  const least = limits.reduce((lowest, limit) => (limit.tokens < lowest.tokens ? limit : lowest));
  return boundaryAfter === undefined ? least : { ...least, boundaryAfter };
}

/** Finds where a segment ends that is longer than its budget foresaw: at the first boundary between words after that. */
export class BoundaryLimit {
  readonly #after: number;
  #tokens = 0;
  #last = "";

  constructor({ boundaryAfter = Infinity }: SegmentLimit) {
    this.#after = boundaryAfter;
  }

  /** Whether the segment ends before this token. */
  endsBefore({ text }: { readonly text: string }): boolean {
    const ends = this.#tokens >= this.#after && (/^\s/u.test(text) || /\s$/u.test(this.#last));
    this.#tokens++;
    this.#last = text;
    return ends;
  }

  /** The tokens before the end of the segment, and whether that comes within them. */
  cut<Token extends { readonly text: string }>(
    tokens: readonly Token[],
  ): { readonly tokens: readonly Token[]; readonly ends: boolean } {
    const at = tokens.findIndex((token) => this.endsBefore(token));
    return at < 0 ? { tokens, ends: false } : { tokens: tokens.slice(0, at), ends: true };
  }
}

/** How a segment ends that {@link BoundaryLimit} ended. */
export const BOUNDARY_END = { type: "boundary" } as const;

/** A bias under which the big model cannot write a tag. It never sees one either; only with a shared vocabulary does it know them at all. */
export function withoutTags({ capabilities }: Engine, { open, close }: TagPair): readonly MarkerBias[] {
  if (!capabilities.logitBias) return [];
  return forbid([open, close].filter((tag) => capabilities.isControlToken(tag)));
}

/** Starts the big model. Its context must be up to date. */
export function openReader(session: Session, big: BigModel, plan: BigPlan, maxTokens: number): BigReader {
  const { sampling, options } = session.settings;
  const bias = withoutTags(big.context.engine, options.tags);
  if (plan.draft !== undefined) {
    const { smallEngine, signal } = session;
    session.drafts ??= new DraftWriter(
      smallEngine,
      plan.draft,
      withoutTags(smallEngine, options.tags),
      signal,
    );
  }
  const generate: GenerateOptions = {
    maxTokens,
    sampling: seedFor("big", sampling),
    logprobs: session.logprobs,
    ...(bias.length > 0 ? { bias } : {}),
    ...(session.drafts === undefined ? {} : { drafter: session.drafts }),
  };
  return new BigReader(big.context, generate, session.clock);
}

/** Notes the time from the decision to the first token, once a segment. */
export function noteHandoff(session: Session, reader: BigReader): void {
  if (session.handoffFromMs === undefined || reader.firstTokenAtMs === undefined) return;
  session.transcript.countHandoff(session.handoffFromMs, reader.firstTokenAtMs);
  session.handoffFromMs = undefined;
}

/** The tokens of a segment that stay. */
export class KeptTokens {
  readonly #big: BigModel;
  readonly #startPosition: number;
  readonly #tokens: BigToken[] = [];

  constructor(big: BigModel, startPosition: number) {
    this.#big = big;
    this.#startPosition = startPosition;
  }

  push(tokens: readonly BigToken[]): void {
    for (const token of tokens) this.#tokens.push(token);
  }

  /** The part of the segment that stays. `remainder`: the beginning of the last token, where only that stays; it is read again, as text. */
  part(remainder = ""): KeptPart {
    const whole = remainder === "" ? this.#tokens : this.#tokens.slice(0, -1);
    const { vocabulary } = this.#big.context.engine;
    return {
      position: whole.at(-1)?.position ?? this.#startPosition,
      tokens: this.#tokens.length,
      pieces: whole.map(({ text, id }): Piece =>
        id === undefined ? { text } : { text, tokens: { vocabulary, ids: [id] } },
      ),
      remainder,
    };
  }
}
