/**
 * Trajectory of a rollout: the tokens of the small model's context, and which of them were the small model's own choices. It is built from
 * the decoder's ledger, never from text. Trained are the tokens that the small model sampled, open tags among them, and the closes that it
 * predicted. So are the places in a segment of the big model where it could have closed and read on, and the end of its turn. Not trained
 * are the prompt, the big model's tokens, forced closes, and what replaced a refused tag.
 */
import { DataError } from "../../core/errors.ts";
import type { TokenId } from "../../core/ids.ts";
import type { Ledger, LedgerToken } from "../../decode/events/ledger.ts";

export type DecisionKind = "token" | "open" | "close" | "read-on" | "end";

export interface Decision {
  /** Index into `tokens` of the last token of the context. The choice is what follows it. */
  readonly position: number;
  readonly kind: DecisionKind;
  /** The id whose probability the choice is about: the token taken or, for `read-on`, the close tag that was not taken. */
  readonly target: TokenId;
  /** Log-probability of the choice (nats) under the policy model that made it, at temperature 1 and without bias. */
  readonly logprob: number;
  /** Tokens that the big model wrote from here to the end of the segment, because of this choice: an `open` or a `read-on`. */
  readonly bigTokensAhead?: number;
}

export interface Trajectory {
  /** The small model's context, with the prompt. Each id is what its engine was fed. */
  readonly tokens: readonly TokenId[];
  /** Choices in the order of positions, at most one at a position. */
  readonly decisions: readonly Decision[];
}

export interface TagIds {
  readonly open: TokenId;
  readonly close: TokenId;
  /** End of the turn, for ledgers that do not say which token ended it. */
  readonly endOfTurn: TokenId;
}

/** @throws DataError when the ledger has a token without an id, or a decision without a log-probability. */
export function trajectoryFrom(ledger: Ledger, ids: TagIds): Trajectory {
  const tokens = ledger.tokens.map((token, index) => {
    if (token.id !== undefined) return token.id;
    throw new DataError(
      `ledger token ${index} (${token.author}) has no id in the small model's vocabulary: a policy model cannot be trained on it. ` +
        "Use engines that report token ids.",
      { code: "data-invalid" },
    );
  });
  const decisions: Decision[] = [];
  for (const [index, token] of ledger.tokens.entries()) {
    if (index === 0) continue;
    const decision = decisionAt(token, index, ids);
    if (decision !== undefined) decisions.push(withTokensAhead(decision, ledger));
  }
  if (ledger.endOfTurn?.mask === 1) {
    decisions.push({
      position: tokens.length - 1,
      kind: "end",
      target: ledger.endOfTurn.id ?? ids.endOfTurn,
      logprob: known(ledger.endOfTurn.logprob, "the end of the turn"),
    });
  }
  return { tokens, decisions };
}

function decisionAt(token: LedgerToken, index: number, ids: TagIds): Decision | undefined {
  const position = index - 1;
  if (token.author === "big") {
    if (token.closeLogprob === undefined) return undefined;
    return { position, kind: "read-on", target: ids.close, logprob: logComplement(token.closeLogprob) };
  }
  if (token.author !== "policy" || token.mask === 0 || token.id === undefined) return undefined;
  const kind = token.id === ids.open ? "open" : token.id === ids.close ? "close" : "token";
  return { position, kind, target: token.id, logprob: known(token.logprob, `token ${index} (${kind})`) };
}

function withTokensAhead(decision: Decision, { tokens }: Ledger): Decision {
  if (decision.kind !== "open" && decision.kind !== "read-on") return decision;
  const first = decision.position + (decision.kind === "open" ? 2 : 1);
  let end = first;
  while (tokens[end]?.author === "big") end++;
  return { ...decision, bigTokensAhead: end - first };
}

function known(logprob: number | undefined, what: string): number {
  if (logprob !== undefined && !Number.isNaN(logprob)) return logprob;
  throw new DataError(
    `${what} has no log-probability under the policy model that sampled it; without it no ratio is right.`,
    {
      code: "data-invalid",
    },
  );
}

/** log(1 - p) for p = exp(`logprob`), always finite: p is taken to be at most 1 - 10^-12. */
export function logComplement(logprob: number): number {
  return Math.log(Math.max(1e-12, -Math.expm1(Math.min(logprob, 0))));
}
