/** What an error of a connection says: whether to ask again, and of what to speak. */
import { errorMessage, SplitReasonError } from "../../../core/errors.ts";
import type { Attempt } from "./patience.ts";

export type Again = Extract<Attempt<never>, { readonly type: "again" }>;

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens there",
  ENOTFOUND: "there is no such host",
  EAI_AGAIN: "its name cannot be looked up",
  EHOSTUNREACH: "there is no way to that host",
  ENETUNREACH: "there is no way to that host",
  ECONNRESET: "the connection was cut",
  EPIPE: "the connection was cut",
  UND_ERR_SOCKET: "the connection was cut",
  ETIMEDOUT: "no connection came about in time",
  UND_ERR_CONNECT_TIMEOUT: "no connection came about in time",
  UND_ERR_HEADERS_TIMEOUT: "no answer came in time",
  UND_ERR_BODY_TIMEOUT: "its answer broke off",
};

/** @param error Of a request. */
export function againAfter(error: unknown): Again {
  const code = codeOf(error);
  return { type: "again", reason: REASONS[code] ?? `${errorMessage(error)}${code && ` (${code})`}` };
}

/** Whether the connection is the cause, or else something on this machine or in what was sent. */
export const isOfConnection = (error: unknown): boolean => REASONS[codeOf(error)] !== undefined;

/** What the system says of files: a full disk, a folder that may not be written. zlib's codes begin with Z. */
export const isOfThisMachine = (error: unknown): boolean => /^E[A-Z]+$/u.test(codeOf(error));

/** The first code that is not one of ours. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const isOurs = error instanceof SplitReasonError;
  const code = !isOurs && "code" in error && typeof error.code === "string" ? error.code : "";
  return code === "" && error.cause !== undefined ? codeOf(error.cause) : code;
}
