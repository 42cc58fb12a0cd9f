/** llama.cpp's own tokenizer as an {@link EngineTokenizer}: markers are trusted in control pieces only. */
import { createHash } from "node:crypto";

import type { LlamaModel, Token } from "node-llama-cpp";

import { tokenId, vocabularyId, type TokenId, type VocabularyId } from "../../core/ids.ts";
import type { Piece } from "../../core/piece.ts";
import { GGUF_TOKEN_TYPES, type GgufSummary } from "../../formats/gguf/index.ts";
import { fromByteCharacters } from "../../formats/byte-alphabet.ts";
import { cutWithinMarkers, digestVocabulary, ggufVocabulary, MarkerMatcher } from "../../tokenizer/index.ts";
import type { EngineTokenizer } from "../token-backend.ts";

/** User-defined tokens that are markers. The other ones are ordinary text, such as runs of spaces. */
const MARKER = /^[<[].+[>\]]$/u;
const BYTE_TOKEN = /^<0x([0-9A-F]{2})>$/u;
const encoder = new TextEncoder();

export class LlamaTokenizer implements EngineTokenizer {
  readonly vocabulary: VocabularyId;
  readonly size: number;
  readonly endOfTurn: TokenId | undefined;
  readonly #model: LlamaModel;
  readonly #isByteLevel: boolean;
  readonly #tokens: readonly string[];
  readonly #types: readonly number[];
  readonly #markers: MarkerMatcher<TokenId>;
  /** Markers that llama.cpp would recognise in plain text as well. */
  readonly #eagerMarkers: readonly string[];
  /** Characters that no token can write, see {@link unwritable}. */
  readonly #unwritable: RegExp | undefined;
  readonly #bytes: Uint8Array[] = [];
  /** Whether a token ends a turn, by id: 0 not known yet, 1 no, 2 yes. */
  readonly #ends: Uint8Array;

  constructor(model: LlamaModel, summary: GgufSummary) {
    const { tokens, tokenTypes } = summary.tokenizer;
    this.#model = model;
    this.#tokens = tokens;
    this.#types = tokenTypes;
    this.#isByteLevel = summary.tokenizer.model === "gpt2";
    this.size = tokens.length;
    this.#ends = new Uint8Array(tokens.length);
    this.vocabulary = vocabularyOf(summary);
    const controls = new Map<string, TokenId>();
    const eager: string[] = [];
    for (const [id, token] of tokens.entries()) {
      const isMarker = tokenTypes[id] === GGUF_TOKEN_TYPES.userDefined && MARKER.test(token);
      if (isMarker) eager.push(token);
      // llama.cpp treats some names as ends of the turn, whatever their type is.
      if (
        isMarker ||
        tokenTypes[id] === GGUF_TOKEN_TYPES.control ||
        (MARKER.test(token) && this.endsTurn(tokenId(id)))
      ) {
        controls.set(token, tokenId(id));
      }
    }
    this.#markers = new MarkerMatcher(controls);
    this.#eagerMarkers = eager;
    this.#unwritable = unwritable(summary.tokenizer.missingBytes);
    const end = model.tokens.eot ?? model.tokens.eos;
    this.endOfTurn = end === null ? undefined : tokenId(end);
  }

  controlId(marker: string): TokenId | undefined {
    return this.#markers.get(marker);
  }

  endsTurn(id: TokenId): boolean {
    if (this.#ends[id] === 0) this.#ends[id] = this.#model.isEogToken(id as number as Token) ? 2 : 1;
    return this.#ends[id] === 2;
  }

  encode(pieces: readonly Piece[]): TokenId[] {
    const ids: TokenId[] = [];
    for (const fragment of this.#markers.fragments(pieces, this.vocabulary)) {
      if (fragment.kind === "control") ids.push(fragment.control);
      else if (fragment.kind === "tokens") for (const id of fragment.ids) ids.push(this.#known(id));
      else
        for (const part of cutWithinMarkers(fragment.text, this.#eagerMarkers)) this.#encodeText(part, ids);
    }
    return ids;
  }

  decode(ids: readonly TokenId[]): string {
    return Buffer.concat(ids.map((id) => this.bytes(id))).toString("utf8");
  }

  bytes(id: TokenId): Uint8Array {
    const known = this.#bytes[id];
    if (known !== undefined) return known;
    const bytes = this.#bytesOf(this.#known(id));
    this.#bytes[id] = bytes;
    return bytes;
  }

  #known(id: TokenId): TokenId {
    if (id >= 0 && id < this.size) return id;
    throw new RangeError(`token ${id} is not in the vocabulary of ${this.size} tokens`);
  }

  #bytesOf(id: TokenId): Uint8Array {
    const token = this.#tokens[id] ?? "";
    const type = this.#types[id];
    if (type === GGUF_TOKEN_TYPES.control || type === GGUF_TOKEN_TYPES.userDefined)
      return encoder.encode(token);
    if (this.#isByteLevel) return fromByteCharacters(token) ?? encoder.encode(token);
    const byte = BYTE_TOKEN.exec(token)?.[1];
    if (byte !== undefined) return Uint8Array.of(Number.parseInt(byte, 16));
    return encoder.encode(token.replaceAll("▁", " "));
  }

  #encodeText(written: string, ids: TokenId[]): void {
    const text = this.#unwritable === undefined ? written : written.replace(this.#unwritable, "\uFFFD");
    // SentencePiece would put a space before every stretch of text.
    const tokens = this.#isByteLevel
      ? this.#model.tokenize(text, false)
      : this.#model.tokenize(text, false, "trimLeadingSpace");
    for (const token of tokens) ids.push(tokenId(token));
  }
}

/** Characters that llama.cpp drops silently, since no token writes them. They are replaced by U+FFFD. */
function unwritable(missingBytes: readonly number[]): RegExp | undefined {
  const ranges = missingBytes.map((byte) => {
    if (byte === 0xf1) return "\\u{40000}-\\u{7FFFF}";
    if (byte === 0xf2) return "\\u{80000}-\\u{BFFFF}";
    return `\\u{${byte.toString(16)}}`;
  });
  return ranges.length === 0 ? undefined : new RegExp(`[${ranges.join("")}]`, "gu");
}

/** The identity of a model's vocabulary, from the header of its file. */
export function vocabularyOf(summary: GgufSummary): VocabularyId {
  const contents = ggufVocabulary(summary.metadata);
  return contents === undefined ? otherDigest(summary) : digestVocabulary(contents);
}

function otherDigest({ tokenizer }: GgufSummary): VocabularyId {
  const hash = createHash("sha256");
  hash.update(JSON.stringify([tokenizer.tokens, tokenizer.tokenTypes, tokenizer.merges]));
  return vocabularyId(`${tokenizer.model}:${hash.digest("hex").slice(0, 32)}`);
}
