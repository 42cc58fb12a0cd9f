/** What tokenizers share whose ids are the server's own: contexts go out as ids, and what comes back is named by its id. */
import { tokenId, type TokenId } from "../../../core/ids.ts";
import type { Arrival, Prompt } from "./http-tokenizer.ts";

export abstract class ServerIds {
  readonly #turnEnds: Set<TokenId>;

  /** @param turnEnd The token that ends a turn, or what stands for it. */
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

  /** Ids below 0 are ours alone. */
  serverId(id: TokenId): number | undefined {
    return id < 0 ? undefined : id;
  }

  controlOf({ id }: Arrival): TokenId | undefined {
    return id === undefined ? undefined : tokenId(id);
  }
}

/** Where tokens are missing, their text is known: it is written in the vocabulary's own way, which nearly always is what they were. */
export function receiveIds(
  { id, text, missing }: Arrival,
  encode: (text: string) => readonly TokenId[],
): readonly TokenId[] {
  if (missing !== undefined) return encode(text);
  return id === undefined ? [] : [tokenId(id)];
}
