/**
 * A tokenizer for ids on both sides that asks llama.cpp's `/tokenize`. Control tokens are recognised in control pieces only
 * (`parse_special`). Answers are remembered, so that a generation asks nothing.
 */
import { tokenId, vocabularyId, type TokenId, type VocabularyId } from "../../../core/ids.ts";
import type { Piece } from "../../../core/piece.ts";
// Not by the index, which loads a Jinja engine: the spec parser imports this file.
import { cutWithinMarkers, MarkerMatcher } from "../../../tokenizer/fragments.ts";
import { type Arrival, type HttpTokenizer, UNNAMED_TURN_END } from "../tokens/http-tokenizer.ts";
import type { PostToServer } from "./server-kind.ts";
import { markersIn } from "../tokens/markers.ts";
import { receiveIds, ServerIds } from "../tokens/server-ids.ts";
import { isObject, listAt, numberAt, stringAt } from "../transport/json-fields.ts";

/** Largest total length of the texts whose tokens are remembered, in UTF-16 code units. */
const MAX_TEXT = 8 * 1024 * 1024;
const NOTHING = new Uint8Array();
/** A line break before a text keeps a SentencePiece vocabulary from adding a space. */
const LEAD = "\n";
const encoder = new TextEncoder();

export class LlamaCppTokenizer extends ServerIds implements HttpTokenizer {
  readonly vocabulary: VocabularyId;
  readonly size = Infinity;
  readonly knowsAllBytes = false;
  readonly #post: PostToServer;
  readonly #bytes = new Map<TokenId, Uint8Array>();
  readonly #texts = new Map<string, readonly TokenId[]>();
  #remembered = 0;
  /** Markers that were looked up. The id is undefined if the marker is not a control token. */
  readonly #markers = new Map<string, TokenId | undefined>();
  /** Markers that the server finds in plain text as well. */
  readonly #eager = new Set<string>();
  #matcher = new MarkerMatcher<TokenId>(new Map());
  #lead: readonly TokenId[] | undefined;
  endOfTurn: TokenId | undefined;

  private constructor(name: string, post: PostToServer) {
    super(UNNAMED_TURN_END);
    this.vocabulary = vocabularyId(`remote:${name}`);
    this.#post = post;
  }

  /** Looks up the markers. `endOfTurn` is the marker that ends a turn, if the server names it. */
  static async open(
    name: string,
    post: PostToServer,
    options: { readonly markers: readonly string[]; readonly endOfTurn: string | undefined },
    signal: AbortSignal | undefined,
  ): Promise<LlamaCppTokenizer> {
    const tokenizer = new LlamaCppTokenizer(name, post);
    const { markers, endOfTurn } = options;
    await tokenizer.#lookUp([...markers, ...(endOfTurn === undefined ? [] : [endOfTurn])], signal);
    tokenizer.endOfTurn = endOfTurn === undefined ? undefined : tokenizer.controlId(endOfTurn);
    if (tokenizer.endOfTurn !== undefined) tokenizer.noteTurnEnd(tokenizer.endOfTurn);
    await tokenizer.#findLead(signal);
    return tokenizer;
  }

  get turnEnd(): TokenId {
    return this.endOfTurn ?? UNNAMED_TURN_END;
  }

  /** Fetches the tokens that {@link encode} needs for `pieces`. */
  async prepare(pieces: readonly Piece[], signal?: AbortSignal): Promise<void> {
    const unknown = pieces
      .filter(({ control }) => control === true)
      .flatMap(({ text }) => markersIn(text))
      .filter((marker) => !this.#markers.has(marker));
    if (unknown.length > 0) await this.#lookUp(unknown, signal);
    for (const fragment of this.#matcher.fragments(pieces, this.vocabulary)) {
      if (fragment.kind !== "text") continue;
      for (const part of cutWithinMarkers(fragment.text, this.#eager))
        if (!this.#texts.has(part)) await this.#tokenize(part, signal);
    }
  }

  encode(pieces: readonly Piece[]): TokenId[] {
    const ids: TokenId[] = [];
    for (const fragment of this.#matcher.fragments(pieces, this.vocabulary)) {
      if (fragment.kind === "control") ids.push(fragment.control);
      else if (fragment.kind === "tokens") for (const id of fragment.ids) ids.push(id);
      else
        for (const part of cutWithinMarkers(fragment.text, this.#eager))
          for (const id of this.#known(part)) ids.push(id);
    }
    return ids;
  }

  decode(ids: readonly TokenId[]): string {
    return Buffer.concat(ids.map((id) => this.bytes(id))).toString("utf8");
  }

  bytes(id: TokenId): Uint8Array {
    if (id < 0) return NOTHING;
    const bytes = this.#bytes.get(id);
    if (bytes === undefined) throw new RangeError(`the text of token ${id} was not asked for`);
    return bytes;
  }

  controlId(marker: string): TokenId | undefined {
    return this.#markers.get(marker);
  }

  isControl(id: TokenId): boolean {
    for (const control of this.#markers.values()) if (control === id) return true;
    return false;
  }

  receive(
    arrival: Arrival,
    signal: AbortSignal | undefined,
  ): Promise<readonly TokenId[]> | readonly TokenId[] {
    const { id, missing } = arrival;
    if (missing === undefined && id !== undefined && this.#bytes.has(tokenId(id))) return [tokenId(id)];
    return this.#receiveUnknown(arrival, signal);
  }

  async #receiveUnknown(arrival: Arrival, signal: AbortSignal | undefined): Promise<readonly TokenId[]> {
    const { id, text, missing } = arrival;
    if (missing !== undefined) await this.#tokenize(text, signal);
    else if (id !== undefined) {
      const answer = await this.#post("/detokenize", { tokens: [id] }, signal);
      this.#bytes.set(tokenId(id), encoder.encode(stringAt(answer, "content") ?? ""));
    }
    return receiveIds(arrival, (known) => this.#known(known));
  }

  #known(text: string): readonly TokenId[] {
    const ids = this.#texts.get(text);
    if (ids === undefined)
      throw new RangeError(`the tokens of ${JSON.stringify(text.slice(0, 40))} were not asked for`);
    return ids;
  }

  /** Finds out which markers are control tokens: one token when parsed, and another or several tokens when not. */
  async #lookUp(markers: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    for (const marker of new Set(markers)) {
      if (this.#markers.has(marker)) continue;
      const parsed = await this.#askTokens(marker, true, signal);
      const [id] = parsed;
      const plain = parsed.length === 1 ? await this.#askTokens(marker, false, signal) : [];
      const isSingle = id !== undefined && parsed.length === 1;
      const isEager = isSingle && plain.length === 1 && plain[0] === id && markersIn(marker).includes(marker);
      const isControl = isSingle && (isEager || plain.length !== 1 || plain[0] !== id);
      this.#markers.set(marker, isControl ? id : undefined);
      if (!isControl) continue;
      if (isEager) this.#eager.add(marker);
      this.#bytes.set(id, encoder.encode(marker));
    }
    this.#matcher = new MarkerMatcher(
      new Map(
        [...this.#markers].flatMap(([marker, id]) => (id === undefined ? [] : [[marker, id] as const])),
      ),
    );
  }

  async #tokenize(text: string, signal: AbortSignal | undefined): Promise<void> {
    const withLead = this.#lead === undefined ? text : LEAD + text;
    const ids = await this.#askTokens(withLead, false, signal);
    const tokens = this.#lead === undefined ? ids : ids.slice(this.#lead.length);
    this.#texts.set(text, tokens);
    this.#remembered += text.length;
    for (const oldest of this.#texts.keys()) {
      if (this.#remembered <= MAX_TEXT || oldest === text) break;
      this.#texts.delete(oldest);
      this.#remembered -= oldest.length;
    }
  }

  async #findLead(signal: AbortSignal | undefined): Promise<void> {
    const [first] = await this.#askTokens("a", false, signal);
    const text = first === undefined ? "a" : this.decode([first]);
    if (text.startsWith("a")) return;
    this.#lead = await this.#askTokens(LEAD, false, signal);
  }

  /** Asks for the tokens of a text, and remembers their bytes. */
  async #askTokens(content: string, special: boolean, signal: AbortSignal | undefined): Promise<TokenId[]> {
    const body = { content, add_special: false, parse_special: special, with_pieces: true };
    const answer = await this.#post("/tokenize", body, signal);
    return listAt(answer, "tokens").flatMap((token): TokenId[] => {
      const id = numberAt(token, "id");
      if (id === undefined || !isObject(token)) return [];
      const piece = token["piece"];
      const bytes =
        typeof piece === "string"
          ? encoder.encode(piece)
          : Array.isArray(piece)
            ? Uint8Array.from(piece)
            : undefined;
      // The server gives no piece for a control token.
      if (bytes !== undefined && !special) this.#bytes.set(tokenId(id), bytes);
      return [tokenId(id)];
    });
  }
}
