/** Results that a server computes later: a request is submitted, then its result is asked for until it is there. */
import { TrainError, WireError } from "../../../core/errors.ts";
import { type Answer, StatusError, type TinkerTransport } from "./transport.ts";
import { failedSchema, parseDocument, pendingSchema, submittedSchema } from "./wire/documents.ts";

const MOST_RESUBMISSIONS = 3;

/** Messages of a server that was restarted: its database has the old requests and models, but the models are no longer loaded. */
const LOST = /not loaded|(?:model|session|future)\s+(?:\S+\s+)?not found/iu;

/** Submits a request and returns its id. It is called again when the server let the result expire (410). */
export type Submit = () => Promise<string>;

export async function resultOf(transport: TinkerTransport, what: string, submit: Submit): Promise<Answer> {
  const startedMs = transport.clock.nowMs();
  for (let submission = 1; ; submission++) {
    try {
      return await awaitResult(transport, what, await submit(), startedMs);
    } catch (error) {
      const isExpired = error instanceof StatusError && error.status === 410;
      if (!isExpired || submission > MOST_RESUBMISSIONS) throw lostOr(error, transport.name);
    }
  }
}

async function awaitResult(
  transport: TinkerTransport,
  what: string,
  id: string,
  startedMs: number,
): Promise<Answer> {
  for (;;) {
    const answer = await transport
      .post("/retrieve_future", () => ({ request_id: id }))
      .catch((error) => {
        // SkyRL reports a failed request with this status.
        if (error instanceof StatusError && error.status === 400)
          throw failure(transport.name, what, error.message);
        throw error;
      });
    if (answer.type === "protobuf") return answer;
    if (pendingSchema.safeParse(answer.document).success) {
      transport.longWork.still(what, startedMs);
      continue;
    }
    const failed = failedSchema.safeParse(answer.document);
    if (failed.success) throw failure(transport.name, what, failed.data.error);
    return answer;
  }
}

function failure(name: string, what: string, said: string): TrainError {
  return (
    lostError(name, said) ??
    new TrainError(`${what} failed on the trainer server: ${said}`, { code: "trainer-unavailable" })
  );
}

/** Turns "not found" into "model lost", where it means that. Used for requests that are answered at once. */
export function lostOr(error: unknown, name: string): unknown {
  if (!(error instanceof StatusError) || error.status !== 404) return error;
  return lostError(name, error.message) ?? error;
}

function lostError(name: string, said: string): TrainError | undefined {
  if (!LOST.test(said)) return undefined;
  return new TrainError(
    `the trainer server at ${name} no longer has the model of this run (${said.slice(-200)}): it was restarted, or the session expired. ` +
      `The run continues from its last checkpoint.`,
    { code: "trainer-lost", retryable: true },
  );
}

export async function submitted(
  transport: TinkerTransport,
  path: string,
  body: (attempt: number) => unknown,
): Promise<string> {
  try {
    const { document } = await transport.post(path, body);
    return parseDocument(submittedSchema, document, `${transport.name}${path}`).request_id;
  } catch (error) {
    throw lostOr(error, transport.name);
  }
}

/** @throws WireError when the server sent a document where protobuf was due. */
export function binaryOf({ type, bytes }: Answer, name: string): Uint8Array {
  if (type === "protobuf") return bytes;
  throw new WireError(
    `${name}: it answered in JSON where SDK 0.25 has protobuf. The server is older than SkyRL 0.4, which is what is supported.`,
    { code: "wire-invalid" },
  );
}
