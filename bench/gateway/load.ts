/**
 * The load generator: so many streams at once, each asking again when its answer is complete. Lean, since it shares the machine with what it
 * measures: undici's dispatch without streams, tokens counted in the bytes, no JSON parsed.
 */
import { Pool } from "undici";

import { TokenReader, nowUs } from "./token.ts";

/** Where to send requests, and how. */
export interface Target {
  readonly name: string;
  /** Without the path, e.g. http://127.0.0.1:8080. */
  readonly origin: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** A request for so many tokens. */
  readonly body: (tokens: number) => string;
}

export interface LoadOptions {
  readonly streams: number;
  readonly requests: number;
  readonly tokensPerRequest: number;
  /** Also note each token's way and the gaps between tokens. Costs time for each token. */
  readonly timing?: boolean;
  /** Called after each request with the number of requests done. */
  readonly onRequest?: (done: number) => void;
}

export interface LoadResult {
  readonly tokens: number;
  readonly wallMs: number;
  readonly bytes: number;
  /** With `timing`: from the upstream's writing of a token to its arrival here. */
  readonly transitUs: readonly number[];
  /** With `timing`: between a stream's tokens (0 within a piece that came at once), per request without the first. */
  readonly gapsUs: readonly number[];
}

const DONE = Buffer.from("data: [DONE]");
const REQUEST_TIMEOUT_MS = 120_000;

/** @throws Error when an answer is not 200, breaks off, or has other than the wanted number of tokens. */
export async function runLoad(target: Target, options: LoadOptions): Promise<LoadResult> {
  const pool = new Pool(target.origin, {
    connections: options.streams,
    pipelining: 1,
    bodyTimeout: REQUEST_TIMEOUT_MS,
    headersTimeout: REQUEST_TIMEOUT_MS,
  });
  const sums = { tokens: 0, bytes: 0, transitUs: [] as number[], gapsUs: [] as number[] };
  const body = target.body(options.tokensPerRequest);
  let started = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    while (started < options.requests) {
      started++;
      await runRequest(pool, target, body, options, sums);
      options.onRequest?.(++done);
    }
  };
  const startMs = performance.now();
  try {
    await Promise.all(Array.from({ length: options.streams }, worker));
  } catch (error) {
    await pool.destroy();
    throw error;
  }
  const wallMs = performance.now() - startMs;
  await pool.close();
  return { ...sums, wallMs };
}

interface Sums {
  tokens: number;
  bytes: number;
  readonly transitUs: number[];
  readonly gapsUs: number[];
}

function runRequest(
  pool: Pool,
  target: Target,
  body: string,
  { timing = false, tokensPerRequest }: LoadOptions,
  sums: Sums,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const reader = new TokenReader();
    let status = 0;
    let lastUs: number | undefined;
    let isComplete = false;
    let refusal = "";
    pool.dispatch(
      {
        path: target.path,
        method: "POST",
        headers: { ...target.headers, "content-type": "application/json" },
        body,
      },
      {
        onRequestStart: () => {},
        onResponseStart: (_controller, statusCode) => {
          status = statusCode;
        },
        onResponseData: (_controller, bytes) => {
          sums.bytes += bytes.length;
          if (status !== 200) refusal += bytes.toString().slice(0, 500);
          else if (timing) {
            const arrivedUs = nowUs();
            reader.readIn(bytes, (writtenUs) => {
              sums.transitUs.push(arrivedUs - writtenUs);
              if (lastUs !== undefined) sums.gapsUs.push(arrivedUs - lastUs);
              lastUs = arrivedUs;
            });
          } else reader.countIn(bytes);
          isComplete ||= bytes.includes(DONE);
        },
        onResponseEnd: () => {
          sums.tokens += reader.count;
          if (status === 200 && isComplete && reader.count === tokensPerRequest) return resolve();
          return reject(
            new Error(
              `${target.name}: status ${status}, ${reader.count} of ${tokensPerRequest} tokens` +
                `${isComplete ? "" : ", no end of stream"}${refusal === "" ? "" : `: ${refusal}`}.`,
            ),
          );
        },
        onResponseError: (_controller, error) =>
          reject(
            new Error(
              `${target.name}: ${error.message} after status ${status} and ${reader.count} of ${tokensPerRequest} tokens`,
              { cause: error },
            ),
          ),
      },
    );
  });
}
