/** The common part of tokenizers that use the server's own ids: contexts are sent as ids, and tokens are received as ids. */
import { tokenId, type TokenId } from "../../../core/ids.ts";
import type { Arrival, Prompt } from "./http-tokenizer.ts";

export abstract class ServerIds {
  readonly #turnEnds: Set<TokenId>;

  /** @param turnEnd The token that ends a turn, or its stand-in. */
  constructor(turnEnd: TokenId) {
    this.#turnEnds = new Set([turnEnd]);
  }

  endsTurn(id: TokenId): boolean {
    return this.#turnEnds.has(id);
  }

  noteTurnEnd(id: TokenId): void {
    this.#turnEnds.add(id);
  }

  promptOf(ids: readonly TokenId[]): Prompt {
    return { kind: "ids", ids: ids.slice() };
  }

  /** The server's id is the same number. Ids below 0 exist on this side only. */
  serverId(id: TokenId): number | undefined {
    return id < 0 ? undefined : id;
  }

  controlOf({ id }: Arrival): TokenId | undefined {
    return id === undefined ? undefined : tokenId(id);
  }
}

/** The ids of an arrival. Missing tokens are encoded from their text again, which nearly always gives the tokens that they were. */
export function receiveIds(
  { id, text, missing }: Arrival,
  encode: (text: string) => readonly TokenId[],
): readonly TokenId[] {
  if (missing !== undefined) return encode(text);
  return id === undefined ? [] : [tokenId(id)];
}
