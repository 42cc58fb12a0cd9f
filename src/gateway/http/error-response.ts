/** Turns an error into an HTTP answer. The protocol writes the body. */
import type { GatewayError } from "../failures/gateway-error.ts";

export function errorResponse(error: GatewayError, errorBody: (error: GatewayError) => object): Response {
  const { status } = error.facts;
  const headers = new Headers({ "content-type": "application/json" });
  if (error.retryAfterSeconds !== undefined)
    headers.set("retry-after", String(Math.ceil(error.retryAfterSeconds)));
  if (status === 401) headers.set("www-authenticate", "Bearer");
  return new Response(JSON.stringify(errorBody(error)), { status, headers });
}
