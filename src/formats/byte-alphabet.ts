/**
 * GPT-2's printable form of bytes. Every byte has one character, so that a vocabulary of byte strings can be written as text.
 * Printable Latin-1 bytes stand for themselves; the 68 others are U+0100 and up, in byte order (a space is `Ġ`).
 */

const CHARACTER_OF_BYTE: readonly string[] = buildAlphabet();
const BYTE_OF_CHARACTER: ReadonlyMap<string, number> = new Map(
  CHARACTER_OF_BYTE.map((character, byte) => [character, byte]),
);
const encoder = new TextEncoder();

function buildAlphabet(): string[] {
  const isPrintable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++));
}

/** The 256 characters, in byte order. */
export function byteCharacters(): readonly string[] {
  return CHARACTER_OF_BYTE;
}

/** `" mod"` -> `"Ġmod"`: the UTF-8 bytes of a text, one character each. Lone surrogates become U+FFFD. */
export function toByteCharacters(text: string): string {
  let characters = "";
  for (const byte of encoder.encode(text)) characters += CHARACTER_OF_BYTE[byte];
  return characters;
}

/** The inverse of {@link toByteCharacters}, or undefined if a character is outside the alphabet. */
export function fromByteCharacters(characters: string): Uint8Array | undefined {
  const bytes = new Uint8Array(characters.length);
  for (let index = 0; index < characters.length; index++) {
    const byte = BYTE_OF_CHARACTER.get(characters.charAt(index));
    if (byte === undefined) return undefined;
    bytes[index] = byte;
  }
  return bytes;
}
