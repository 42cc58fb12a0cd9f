/** API keys: from the environment or a file, never from a spec, and never in a message. */
import { ConfigError } from "../../../core/errors.ts";
import { readTextFile } from "../../../core/files.ts";

const MOST_KEY_BYTES = 8192;

/**
 * A secret that does not show itself: neither in JSON nor in a string nor to `console.log`. `reveal` is called where the header is
 * written.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  /** What a server echoed, without the secret. */
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

/** Where a key is: an environment variable or a file. Neither: no key is sent. */
interface KeyPlace {
  readonly keyEnv: string | undefined;
  readonly keyFile: string | undefined;
}

/** @throws ConfigError, DataError that name the variable or the file, never what is in it. */
export async function readKey(
  { keyEnv, keyFile }: KeyPlace,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Secret | undefined> {
  if (keyEnv !== undefined) return checked(environment[keyEnv] ?? "", `the environment variable ${keyEnv}`);
  if (keyFile !== undefined)
    return checked(await readTextFile(keyFile, MOST_KEY_BYTES), `the file ${keyFile}`);
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
