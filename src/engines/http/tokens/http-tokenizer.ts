/** What a sequence over HTTP needs to know of a vocabulary, beyond the EngineTokenizer: how contexts go out and tokens come back. */
import { tokenId, type TokenId } from "../../../core/ids.ts";
import type { EngineTokenizer } from "../../token-backend.ts";

/** The whole context: always all of it, the server's prefix cache makes that cheap. */
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
  /** As the server wrote it, its control tokens included where it shows them. */
  readonly text: string;
  readonly logprob?: number;
  /** Tokens before this one that the server did not report, because a code point was not complete; `text` is theirs as well. */
  readonly missing?: {
    readonly count: number;
    /** Tokens of the stream so far, this one included. */ readonly of: number;
  };
}

export interface HttpTokenizer extends EngineTokenizer {
  /** Stands for the end of the turn where the server does not name the token. */
  readonly turnEnd: TokenId;
  /** The context as the server reads it. */
  promptOf(ids: readonly TokenId[]): Prompt;
  /** The server's id of a token, undefined where it is not known. */
  serverId(id: TokenId): number | undefined;
  isControl(id: TokenId): boolean;
  /** The tokens that an arrival stands for, none for an empty one. Their bytes are known afterwards. */
  receive(
    arrival: Arrival,
    signal: AbortSignal | undefined,
  ): Promise<readonly TokenId[]> | readonly TokenId[];
  /** The token that an arrival names, if it is a control token; other tokens are told apart by ids only. */
  controlOf(arrival: Arrival): TokenId | undefined;
  /** Finds out the server's id of a token, where it can be asked. */
  identify?(id: TokenId, signal: AbortSignal | undefined): Promise<void>;
  /** Whether bytes of all tokens are known, so that a token that was not reported can be found by its id. */
  readonly knowsAllBytes: boolean;
  /** The server ended the turn with this token. */
  noteTurnEnd(id: TokenId): void;
}

/** No id of any vocabulary. */
export const UNNAMED_TURN_END = tokenId(-1);
/** A token that is none of those asked about. */
export const SOME_OTHER_TOKEN = tokenId(-2);

export const stopTokenOf = (tokenizer: HttpTokenizer, id: TokenId): StopToken => ({
  id: tokenizer.serverId(id),
  marker: Buffer.from(tokenizer.bytes(id)).toString("utf8"),
});
