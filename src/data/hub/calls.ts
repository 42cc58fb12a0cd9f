/** Shared by all calls of the hub's library: where the hub is and with which token, parameters, and the meaning of failures. */
import { HubApiError } from "@huggingface/hub";

import { given } from "../../core/given.ts";
import { DataError, errorMessage } from "../../core/errors.ts";

/** Parameters for the calls of the hub's library. @throws DataError on a malformed token. */
export function hubParameters(
  { url, token, fetch: customFetch }: HubAccess,
  signal?: AbortSignal,
): { hubUrl?: string; accessToken?: string; fetch: typeof fetch } {
  if (token !== undefined && !/^hf_\w+$/u.test(token)) {
    throw new DataError("HF_TOKEN is not a token of the hub: one starts with hf_.", { code: "data-invalid" });
  }
  return {
    ...given({ hubUrl: url, accessToken: token }),
    fetch: withSignal(customFetch ?? fetch, signal),
  };
}

function withSignal(inner: typeof fetch, signal: AbortSignal | undefined): typeof fetch {
  if (signal === undefined) return inner;
  // The library sets none itself.
  return (input, init) => inner(input, { ...init, signal });
}

/** Turns a failed call into an error that says what was attempted and what to do. It never contains the token. */
export function hubError(what: string, error: unknown, { token }: HubAccess): DataError {
  const status = error instanceof HubApiError ? error.statusCode : undefined;
  const advice =
    status === 401 || status === 403
      ? `; ${token === undefined ? "set HF_TOKEN to a token that may" : "the token in HF_TOKEN may not"} do this`
      : status === 404
        ? "; no such data set, revision or file, or one that needs HF_TOKEN"
        : "";
  const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : "";
  const said = errorMessage(error).slice(0, 500) + cause;
  const text = token === undefined ? said : said.replaceAll(token, "[redacted]");
  return new DataError(`${what}: ${text}${advice}`, {
    code: "file-unreadable",
    retryable: status === undefined || status === 429 || status >= 500,
  });
}

export interface HubAccess {
  /** Address of the hub. Default: the public one. */
  readonly url?: string;
  /** Token for private and gated data sets, and for writing. Never printed. */
  readonly token?: string;
  readonly fetch?: typeof fetch;
}

/** Reads HF_ENDPOINT and HF_TOKEN, as the hub's own tools do. */
export function hubAccessFrom(environment: Readonly<Record<string, string | undefined>>): HubAccess {
  const url = environment["HF_ENDPOINT"]?.trim().replace(/\/+$/u, "") ?? "";
  const token = environment["HF_TOKEN"]?.trim() ?? "";
  return { ...(url === "" ? {} : { url }), ...(token === "" ? {} : { token }) };
}
