/** API keys: from the environment or a file, never from a spec, and never in a message. */
import { ConfigError } from "../../core/errors.ts";
import { readTextFile } from "../../core/files.ts";
import type { HttpEngineSpec } from "./http-spec.ts";

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

/** @throws ConfigError, DataError that name the variable or the file, never what is in it. */
export async function readKey(
  spec: Pick<HttpEngineSpec, "keyEnv" | "keyFile">,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Secret | undefined> {
  if (spec.keyEnv !== undefined)
    return checked(environment[spec.keyEnv] ?? "", `the environment variable ${spec.keyEnv}`);
  if (spec.keyFile !== undefined)
    return checked(await readTextFile(spec.keyFile, MOST_KEY_BYTES), `the file ${spec.keyFile}`);
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
