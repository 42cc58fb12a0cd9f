/** The answer of a dialect, before it is bytes. */

export type StreamItem =
  | { readonly type: "json"; readonly value: unknown }
  /** The literal `[DONE]`. */
  | { readonly type: "done" };

export type Reply =
  | { readonly type: "json"; readonly status: number; readonly value: unknown }
  | { readonly type: "stream"; readonly items: AsyncIterable<StreamItem> };

export const jsonReply = (value: unknown, status = 200): Reply => ({ type: "json", status, value });
export const jsonItem = (value: unknown): StreamItem => ({ type: "json", value });
export const DONE: StreamItem = { type: "done" };

/** A request that the server refuses. */
export class Refusal extends Error {
  readonly status: number;
  readonly kind: string;

  constructor(message: string, status = 400, kind = "invalid_request_error") {
    super(message);
    this.status = status;
    this.kind = kind;
  }
}

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  /** Aborted when the client leaves. */
  readonly signal: AbortSignal;
}

export interface Dialect {
  readonly name: string;
  /** Undefined: there is no such route. */
  answer(call: Call): Promise<Reply | undefined>;
  /** An error object as this server writes it. */
  error(message: string, status: number, kind: string): unknown;
}
