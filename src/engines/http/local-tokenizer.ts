/** Ids on both sides, by the model's own tokenizer.json on this side. */
import type { TokenId, VocabularyId } from "../../core/ids.ts";
import { tokenId } from "../../core/ids.ts";
import { textPiece, type Piece } from "../../core/piece.ts";
import type { ByteLevelTokenizer } from "../../tokenizer/index.ts";
import type { Arrival, Prompt } from "./dialect.ts";
import { type HttpTokenizer, UNNAMED_TURN_END } from "./http-tokenizer.ts";

const NOTHING = new Uint8Array();

export class LocalTokenizer implements HttpTokenizer {
  readonly vocabulary: VocabularyId;
  readonly size: number;
  readonly endOfTurn: TokenId | undefined;
  readonly turnEnd: TokenId;
  readonly knowsAllBytes = true;
  readonly #tokenizer: ByteLevelTokenizer;
  readonly #controls: ReadonlySet<number>;
  readonly #turnEnds: Set<TokenId>;

  constructor(tokenizer: ByteLevelTokenizer) {
    this.#tokenizer = tokenizer;
    this.vocabulary = tokenizer.vocabulary;
    this.size = tokenizer.size;
    this.endOfTurn = tokenizer.endOfTurn;
    this.turnEnd = tokenizer.endOfTurn ?? UNNAMED_TURN_END;
    this.#controls = new Set(tokenizer.contents.controls);
    this.#turnEnds = new Set([this.turnEnd]);
  }

  encode(pieces: readonly Piece[]): TokenId[] {
    return this.#tokenizer.encode(pieces);
  }

  decode(ids: readonly TokenId[]): string {
    return this.#tokenizer.decode(ids);
  }

  bytes(id: TokenId): Uint8Array {
    return id === UNNAMED_TURN_END ? NOTHING : this.#tokenizer.bytes(id);
  }

  controlId(marker: string): TokenId | undefined {
    return this.#tokenizer.controlId(marker);
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

  serverId(id: TokenId): number | undefined {
    return id < 0 ? undefined : id;
  }

  isControl(id: TokenId): boolean {
    return this.#controls.has(id);
  }

  receive(arrival: Arrival): readonly TokenId[] {
    return receiveIds(arrival, (text) => this.#tokenizer.encode([textPiece(text)]));
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
