/** The {@link Tokenizer} of every byte-level BPE vocabulary: the micro pair's own, Qwen, Llama 3, DeepSeek, GPT-2. */
import { DataError } from "../core/errors.ts";
import { tokenId, type TokenId, type VocabularyId } from "../core/ids.ts";
import type { Piece } from "../core/piece.ts";
import { BpeEncoder, qwen2Splitter, type Splitter } from "./bpe-encoder.ts";
import { fromByteCharacters } from "../formats/byte-alphabet.ts";
import { MarkerMatcher } from "./fragments.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { digestVocabulary, type Vocabulary } from "./vocabulary.ts";

export interface ByteLevelOptions {
  /** The marker that ends a turn; it must be a control token. */
  readonly endOfTurn?: string;
  /** Cuts texts into words. Default: the splitter of Qwen2 and Qwen3. */
  readonly splitter?: Splitter;
  /** See {@link BpeEncoder}. */
  readonly wholeWordsFirst?: boolean;
  /** Rows of the embedding matrix, if there are more than tokens. */
  readonly size?: number;
}

const encoder = new TextEncoder();
/** Longest word that is remembered. Longer ones do not repeat in real text. */
const MAX_CACHED_WORD_LENGTH = 64;
const MAX_CACHED_WORDS = 1 << 16;

export class ByteLevelTokenizer implements Tokenizer {
  readonly vocabulary: VocabularyId;
  readonly size: number;
  readonly endOfTurn: TokenId | undefined;
  /** The vocabulary, for writing it to files. */
  readonly contents: Vocabulary;
  readonly #splitter: Splitter;
  readonly #encoder: BpeEncoder;
  readonly #markers: MarkerMatcher<TokenId>;
  readonly #bytes: readonly Uint8Array[];
  readonly #wordIds = new Map<string, readonly TokenId[]>();

  /** @throws DataError if the vocabulary is inconsistent; the message says how. */
  constructor(contents: Vocabulary, options: ByteLevelOptions = {}) {
    const controls = new Set(contents.controls);
    this.contents = contents;
    this.vocabulary = digestVocabulary(contents);
    this.size = Math.max(options.size ?? 0, contents.tokens.length);
    this.#splitter = options.splitter ?? qwen2Splitter;
    this.#encoder = new BpeEncoder(contents, options.wholeWordsFirst);
    this.#markers = new MarkerMatcher(
      new Map(contents.controls.map((id) => [contents.tokens[id] ?? "", tokenId(id)])),
    );
    this.#bytes = contents.tokens.map((token, id) => {
      const bytes = controls.has(id) ? encoder.encode(token) : fromByteCharacters(token);
      if (bytes !== undefined) return bytes;
      throw new DataError(`token ${id} (${JSON.stringify(token)}) is not written in byte characters.`, {
        code: "data-invalid",
      });
    });
    this.endOfTurn = options.endOfTurn === undefined ? undefined : this.controlId(options.endOfTurn);
    if (options.endOfTurn !== undefined && this.endOfTurn === undefined) {
      throw new DataError(`the end of turn ${JSON.stringify(options.endOfTurn)} is not a control token.`, {
        code: "data-invalid",
      });
    }
  }

  encode(pieces: readonly Piece[]): TokenId[] {
    const ids: TokenId[] = [];
    for (const fragment of this.#markers.fragments(pieces, this.vocabulary)) {
      switch (fragment.kind) {
        case "text":
          for (const word of this.#splitter.split(fragment.text)) append(ids, this.#encodeWord(word));
          break;
        case "control":
          ids.push(fragment.control);
          break;
        case "tokens":
          append(ids, fragment.ids);
          break;
        default:
          fragment satisfies never;
      }
    }
    return ids;
  }

  decode(ids: readonly TokenId[]): string {
    const parts = ids.map((id) => this.bytes(id));
    return Buffer.concat(parts).toString("utf8");
  }

  bytes(id: TokenId): Uint8Array {
    const bytes = this.#bytes[id];
    if (bytes === undefined && !(id >= 0 && id < this.size)) {
      throw new DataError(`token id ${id} is not in the vocabulary of ${this.size} tokens.`, {
        code: "data-invalid",
      });
    }
    return bytes ?? new Uint8Array();
  }

  controlId(marker: string): TokenId | undefined {
    return this.#markers.get(marker);
  }

  endsTurn(id: TokenId): boolean {
    return id === this.endOfTurn;
  }

  /** Encodes a word. Words repeat, so a map from the word in the text saves the detour through byte characters. */
  #encodeWord(word: string): readonly TokenId[] {
    const known = this.#wordIds.get(word);
    if (known !== undefined) return known;
    const ids = this.#encoder.encode(this.#splitter.toByteCharacters(word));
    if (word.length <= MAX_CACHED_WORD_LENGTH) {
      if (this.#wordIds.size >= MAX_CACHED_WORDS) this.#wordIds.clear();
      this.#wordIds.set(word, ids);
    }
    return ids;
  }
}

/** Appends without `push(...more)`, which would overflow the stack for a long text. */
function append(ids: TokenId[], more: readonly TokenId[]): void {
  for (const id of more) ids.push(id);
}
