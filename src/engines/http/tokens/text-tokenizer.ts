/**
 * A tokenizer for servers that speak text. A "token" is a stretch of text, so that the rest of the engine is the same for all servers.
 * Appended text is cut at words, or by the model's tokenizer.json if there is one; the server's text is cut as it arrives. The id of a
 * stretch has a meaning within one sequence and its forks only.
 */
import { tokenId, vocabularyId, type TokenId, type VocabularyId } from "../../../core/ids.ts";
import { controlPiece, textPiece, type Piece } from "../../../core/piece.ts";
import { findMarker } from "../../../tags/partial.ts";
import type { ByteLevelTokenizer } from "../../../tokenizer/index.ts";
import { Utf8Stream } from "../../utf8-stream.ts";
import { type Arrival, type Prompt, type HttpTokenizer, UNNAMED_TURN_END } from "./http-tokenizer.ts";
import { beginsText, neutralised } from "./markers.ts";

export interface TextVocabulary {
  /** The known control tokens of the model, each with the server's id if that is known. */
  readonly controls: ReadonlyMap<string, number | undefined>;
  /** The marker that ends a turn, if known. */
  readonly endOfTurn: string | undefined;
  /** The model's tokenizer: it says where tokens end and what their ids are. */
  readonly tokenizer: ByteLevelTokenizer | undefined;
  /** Whether the context is sent as the tokenizer's ids. Not every server accepts them. */
  readonly sendsIds: boolean;
  /** Asks for the server's id of a text that is one token. */
  readonly ask: ((text: string, signal: AbortSignal | undefined) => Promise<number | undefined>) | undefined;
  /** Whether the server itself puts the beginning-of-text marker before a prompt. */
  readonly addsBegin: boolean;
}

/** The origin of a stretch, which decides how it is sent: a user's text, a template's text, a marker of a template. */
type Kind = "plain" | "trusted" | "control";

interface Stretch {
  readonly kind: Kind;
  readonly text: string;
  readonly bytes: Uint8Array;
}

/** The one vocabulary of all engines on text. Ids never cross between them. */
const TEXT_VOCABULARY = vocabularyId("text");
const STRETCHES = / ?\p{L}+| ?[^\s\p{L}\p{N}]+|\p{N}|\s+/gu;
const NOTHING = new Uint8Array();
const encoder = new TextEncoder();

export class TextTokenizer implements HttpTokenizer {
  readonly vocabulary: VocabularyId = TEXT_VOCABULARY;
  readonly turnEnd: TokenId;
  readonly endOfTurn: TokenId | undefined;
  readonly knowsAllBytes = false;
  readonly #known: TextVocabulary;
  readonly #markers: readonly string[];
  readonly #stretches: Stretch[] = [];
  readonly #ids = new Map<string, TokenId>();
  readonly #serverIds = new Map<TokenId, number>();
  readonly #turnEnds = new Set<TokenId>();

  constructor(known: TextVocabulary) {
    this.#known = known;
    this.#markers = [...known.controls.keys()];
    this.endOfTurn = known.endOfTurn === undefined ? undefined : this.controlId(known.endOfTurn);
    this.turnEnd = this.endOfTurn ?? UNNAMED_TURN_END;
  }

  get size(): number {
    return this.#stretches.length;
  }

  encode(pieces: readonly Piece[]): TokenId[] {
    const ids: TokenId[] = [];
    let text = "";
    const flush = () => {
      for (const stretch of this.#cut(text)) ids.push(this.#idOf("plain", stretch));
      text = "";
    };
    for (const piece of pieces) {
      if (piece.control !== true) {
        text += piece.text;
        continue;
      }
      flush();
      this.#encodeControl(piece.text, ids);
    }
    flush();
    return ids;
  }

  decode(ids: readonly TokenId[]): string {
    return ids.map((id) => this.#stretches[id]?.text ?? "").join("");
  }

  bytes(id: TokenId): Uint8Array {
    return this.#stretches[id]?.bytes ?? NOTHING;
  }

  controlId(marker: string): TokenId | undefined {
    return this.#known.controls.has(marker) ? this.#idOf("control", marker) : undefined;
  }

  endsTurn(id: TokenId): boolean {
    return id === this.turnEnd || this.#turnEnds.has(id);
  }

  noteTurnEnd(id: TokenId): void {
    this.#turnEnds.add(id);
  }

  isControl(id: TokenId): boolean {
    return this.#stretches[id]?.kind === "control";
  }

  serverId(id: TokenId): number | undefined {
    const stretch = this.#stretches[id];
    if (stretch === undefined) return undefined;
    if (stretch.kind === "control") return this.#known.controls.get(stretch.text);
    const asked = this.#serverIds.get(id);
    if (asked !== undefined) return asked;
    const tokens = this.#known.tokenizer?.encode([textPiece(stretch.text)]);
    return tokens?.length === 1 ? tokens[0] : undefined;
  }

  async identify(id: TokenId, signal: AbortSignal | undefined): Promise<void> {
    if (this.serverId(id) !== undefined) return;
    const found = await this.#known.ask?.(this.#stretches[id]?.text ?? "", signal);
    if (found !== undefined) this.#serverIds.set(id, found);
  }

  /** The tokens in a text. A control token arrives alone or within the text of several tokens. */
  receive({ text }: Arrival): readonly TokenId[] {
    const ids: TokenId[] = [];
    let from = 0;
    while (from < text.length) {
      const hit = findMarker(text, this.#markers, from);
      const end = hit?.start ?? text.length;
      if (end > from) ids.push(this.#idOf("plain", text.slice(from, end)));
      if (hit !== undefined) ids.push(this.#idOf("control", hit.marker));
      from = end + (hit?.marker.length ?? 0);
    }
    return ids;
  }

  controlOf({ id, text }: Arrival): TokenId | undefined {
    if (id !== undefined) {
      for (const [marker, known] of this.#known.controls) if (known === id) return this.controlId(marker);
    }
    return this.controlId(text);
  }

  promptOf(ids: readonly TokenId[]): Prompt {
    const { tokenizer, sendsIds, addsBegin } = this.#known;
    if (sendsIds && tokenizer !== undefined)
      return { kind: "ids", ids: tokenizer.encode(this.#piecesOf(ids)) };
    const pieces = this.#piecesOf(ids);
    const [first] = pieces;
    const skip = addsBegin && first?.control === true && beginsText(first.text) ? 1 : 0;
    const texts = pieces
      .slice(skip)
      .map(({ text, control }) => (control === true ? text : neutralised(text, this.#markers)));
    return { kind: "text", text: texts.join("") };
  }

  /** Joins neighbouring plain stretches to one piece, so that a marker cut into several is still seen. */
  #piecesOf(ids: readonly TokenId[]): Piece[] {
    const pieces: Piece[] = [];
    let plain: string[] = [];
    const flush = () => {
      if (plain.length > 0) pieces.push(textPiece(plain.join("")));
      plain = [];
    };
    for (const id of ids) {
      const stretch = this.#stretches[id];
      if (stretch === undefined) continue;
      if (stretch.kind === "plain") plain.push(stretch.text);
      else {
        flush();
        pieces.push(controlPiece(stretch.text));
      }
    }
    flush();
    return pieces;
  }

  #encodeControl(text: string, ids: TokenId[]): void {
    let from = 0;
    while (from < text.length) {
      const hit = findMarker(text, this.#markers, from);
      for (const stretch of this.#cut(text.slice(from, hit?.start ?? text.length)))
        ids.push(this.#idOf("trusted", stretch));
      if (hit === undefined) return;
      ids.push(this.#idOf("control", hit.marker));
      from = hit.start + hit.marker.length;
    }
  }

  #cut(text: string): readonly string[] {
    if (text === "") return [];
    const { tokenizer } = this.#known;
    return tokenizer === undefined ? (text.match(STRETCHES) ?? []) : cutByTokens(text, tokenizer);
  }

  #idOf(kind: Kind, text: string): TokenId {
    const key = `${kind}:${text}`;
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = tokenId(this.#stretches.length);
    this.#stretches.push({ kind, text, bytes: encoder.encode(text) });
    this.#ids.set(key, id);
    return id;
  }
}

/** Cuts a text where the model's tokens end, but never within a code point. */
function cutByTokens(text: string, tokenizer: ByteLevelTokenizer): string[] {
  const utf8 = new Utf8Stream();
  const parts: string[] = [];
  for (const id of tokenizer.encode([textPiece(text)])) {
    const part = utf8.push(tokenizer.bytes(id));
    if (part !== "") parts.push(part);
  }
  return parts;
}
