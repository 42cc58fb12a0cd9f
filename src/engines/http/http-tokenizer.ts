/** What a sequence over HTTP needs to know of a vocabulary, beyond the EngineTokenizer: how contexts go out and tokens come back. */
import { tokenId, type TokenId } from "../../core/ids.ts";
import type { EngineTokenizer } from "../token-backend.ts";
import type { Arrival, Prompt, StopToken } from "./dialect.ts";

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
