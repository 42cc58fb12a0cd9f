/** The tokenizer of a model on a server. Beyond the EngineTokenizer, it says how contexts are sent and how tokens are received. */
import { tokenId, type TokenId } from "../../../core/ids.ts";
import type { EngineTokenizer } from "../../token-backend.ts";

/** The whole context. Every request sends all of it; the server's prefix cache makes that cheap. */
export type Prompt =
  | { readonly kind: "ids"; readonly ids: readonly number[] }
  | { readonly kind: "text"; readonly text: string };

export interface StopToken {
  readonly id: number | undefined;
  readonly marker: string;
}

/** A token as a server reports it. */
export interface Arrival {
  readonly id?: number;
  /** The text as the server wrote it, including control tokens if the server shows them. */
  readonly text: string;
  readonly logprob?: number;
  /** Tokens before this one that the server did not report, since a code point was incomplete. `text` includes their text. */
  readonly missing?: {
    readonly count: number;
    /** Number of tokens of the stream up to this one, itself included. */
    readonly of: number;
  };
}

export interface HttpTokenizer extends EngineTokenizer {
  /** The token that stands for the end of the turn if the server does not name one. */
  readonly turnEnd: TokenId;
  /** The context in the form that the server reads. */
  promptOf(ids: readonly TokenId[]): Prompt;
  /** The server's id of a token, or undefined if it is not known. */
  serverId(id: TokenId): number | undefined;
  isControl(id: TokenId): boolean;
  /** The tokens of an arrival; an empty arrival has none. Their bytes are known afterwards. */
  receive(
    arrival: Arrival,
    signal: AbortSignal | undefined,
  ): Promise<readonly TokenId[]> | readonly TokenId[];
  /** The control token that an arrival names, if it names one. Only ids tell other tokens apart. */
  controlOf(arrival: Arrival): TokenId | undefined;
  /** Asks for the server's id of a token, if the server can be asked. */
  identify?(id: TokenId, signal: AbortSignal | undefined): Promise<void>;
  /** Whether the bytes of all tokens are known, so that an id is enough to recover a token that was not reported. */
  readonly knowsAllBytes: boolean;
  /** Remembers that this token ends a turn. */
  noteTurnEnd(id: TokenId): void;
}

/** An id outside every vocabulary: the end of the turn, if its token is unknown. */
export const UNNAMED_TURN_END = tokenId(-1);
/** An id outside every vocabulary: any token that was not asked about. */
export const SOME_OTHER_TOKEN = tokenId(-2);

export const stopTokenOf = (tokenizer: HttpTokenizer, id: TokenId): StopToken => ({
  id: tokenizer.serverId(id),
  marker: Buffer.from(tokenizer.bytes(id)).toString("utf8"),
});
