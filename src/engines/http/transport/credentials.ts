/** API keys. They come from the environment or a file, never from a spec, and never appear in a message. */
import { ConfigError } from "../../../core/errors.ts";
import { readTextFile } from "../../../core/files.ts";

const MAX_KEY_BYTES = 8192;

/**
 * A secret that stays hidden in JSON, in strings and in `console.log`. Only the code that writes the header calls `reveal`.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  /** Redacts the secret in a text that a server returned. */
  removeFrom(text: string): string {
    return text.replaceAll(this.#value, "[redacted]");
  }

  toString(): string {
    return "[redacted]";
  }

  toJSON(): string {
    return "[redacted]";
  }
}

/** Place of a key: an environment variable or a file. If it is neither, no key is sent. */
interface KeyPlace {
  readonly keyEnv: string | undefined;
  readonly keyFile: string | undefined;
}

/** Reads a key. @throws ConfigError or DataError that names the variable or the file, never the content. */
export async function readKey(
  { keyEnv, keyFile }: KeyPlace,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Secret | undefined> {
  if (keyEnv !== undefined) return checked(environment[keyEnv] ?? "", `the environment variable ${keyEnv}`);
  if (keyFile !== undefined)
    return checked(await readTextFile(keyFile, MAX_KEY_BYTES), `the file ${keyFile}`);
  return undefined;
}

function checked(content: string, where: string): Secret {
  const key = content.trim();
  if (/^[\x21-\x7e]+$/u.test(key)) return new Secret(key);
  const what = key === "" ? "is empty or not there" : "holds characters that cannot be in an HTTP header";
  throw new ConfigError(`the API key: ${where} ${what}; put one line with the key there.`, {
    code: "config-invalid",
  });
}
