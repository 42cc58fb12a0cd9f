/** Explains why a connection to a server failed, from the code that Node or undici gives the error. */
import { errorMessage, SplitReasonError } from "./errors.ts";

const EXPLANATIONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens there",
  ENOTFOUND: "there is no such host",
  EAI_AGAIN: "its name cannot be looked up",
  EHOSTUNREACH: "there is no way to that host",
  ENETUNREACH: "there is no way to that host",
  ECONNRESET: "the connection was cut",
  EPIPE: "the connection was cut",
  UND_ERR_SOCKET: "the connection was cut",
  ETIMEDOUT: "no connection was made in time",
  UND_ERR_CONNECT_TIMEOUT: "no connection was made in time",
  UND_ERR_HEADERS_TIMEOUT: "no answer came in time",
  UND_ERR_BODY_TIMEOUT: "its answer broke off",
};

/** Whether the connection failed. Otherwise the fault lies on this machine or in what was sent. */
export const isConnectionFault = (error: unknown): boolean => EXPLANATIONS[systemCode(error)] !== undefined;

/**
 * An explanation with the system's code, for example `nobody listens there (ECONNREFUSED)`.
 * @param advice What to do, by code.
 */
export function explainFault(error: unknown, advice: Readonly<Record<string, string>> = {}): string {
  const code = systemCode(error);
  const explanation = EXPLANATIONS[code] ?? errorMessage(error);
  return `${explanation}${advice[code] ?? ""}${code === "" ? "" : ` (${code})`}`;
}

/** The code of the first error in the chain of causes that is not one of this project's errors, or "". */
export function systemCode(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const isOurs = error instanceof SplitReasonError;
  const code = !isOurs && "code" in error && typeof error.code === "string" ? error.code : "";
  return code === "" && error.cause !== undefined ? systemCode(error.cause) : code;
}
