/** A tokenizer for ids on both sides, from the model's own tokenizer.json. */
import type { TokenId, VocabularyId } from "../../../core/ids.ts";
import { textPiece, type Piece } from "../../../core/piece.ts";
import type { ByteLevelTokenizer } from "../../../tokenizer/index.ts";
import { type Arrival, type HttpTokenizer, UNNAMED_TURN_END } from "./http-tokenizer.ts";
import { receiveIds, ServerIds } from "./server-ids.ts";

const NOTHING = new Uint8Array();

export class LocalTokenizer extends ServerIds implements HttpTokenizer {
  readonly vocabulary: VocabularyId;
  readonly size: number;
  readonly endOfTurn: TokenId | undefined;
  readonly turnEnd: TokenId;
  readonly knowsAllBytes = true;
  readonly #tokenizer: ByteLevelTokenizer;
  readonly #controls: ReadonlySet<number>;

  constructor(tokenizer: ByteLevelTokenizer) {
    const turnEnd = tokenizer.endOfTurn ?? UNNAMED_TURN_END;
    super(turnEnd);
    this.#tokenizer = tokenizer;
    this.vocabulary = tokenizer.vocabulary;
    this.size = tokenizer.size;
    this.endOfTurn = tokenizer.endOfTurn;
    this.turnEnd = turnEnd;
    this.#controls = new Set(tokenizer.contents.controls);
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

  isControl(id: TokenId): boolean {
    return this.#controls.has(id);
  }

  receive(arrival: Arrival): readonly TokenId[] {
    return receiveIds(arrival, (text) => this.#tokenizer.encode([textPiece(text)]));
  }
}
