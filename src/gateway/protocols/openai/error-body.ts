/** Errors in OpenAI's shape: the body of an answer, or of the last event of a stream that failed. */
import type { WireErrorType } from "../../failures/failure-codes.ts";
import type { GatewayError } from "../../failures/gateway-error.ts";

interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: WireErrorType;
    readonly param: string | null;
    readonly code: string | null;
  };
}

export function errorBody({ message, param, facts }: GatewayError): ErrorBody {
  return { error: { message, type: facts.type, param: param ?? null, code: facts.wireCode } };
}
