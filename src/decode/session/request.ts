/** A request for a split decode: its fields, their checks and their defaults. */
import { z } from "zod";

import { checkDocument } from "../../core/document.ts";
import { ConfigError } from "../../core/errors.ts";
import type { Piece } from "../../core/piece.ts";
import type { Sampling } from "../../engines/engine.ts";
import { type DialInput, dialSchema } from "../dial/dial.ts";
import { type SplitOptionsInput, splitOptionsSchema } from "../pair/split-options.ts";
import type { Policy } from "../policies/policy.ts";

export interface SplitRequest {
  /** The prompt, rendered already (by a chat template, say). */
  readonly prompt: readonly Piece[];
  /** The prompt of the big model, where it is another, e.g. without the hint about tags. Default: `prompt`. */
  readonly promptForBig?: readonly Piece[];
  readonly policy: Policy;
  readonly limits: {
    /** Tokens in the output, both authors together; tags are not counted. */
    readonly maxTokens: number;
  };
  /** Both models sample with it; the big one with a seed derived from this one. */
  readonly sampling: Sampling;
  readonly dial?: DialInput;
  readonly options?: SplitOptionsInput;
  /** Texts that end the output and are not part of it, whoever writes them, across authors as well. */
  readonly stop?: readonly string[];
  /** Report each token's log-probability, and its entropy where that costs little. */
  readonly logprobs?: boolean;
  /** Put the {@link Ledger} into the finish event (implies `logprobs`). */
  readonly ledger?: boolean;
  readonly signal?: AbortSignal;
}

const positiveCount = z.number().int().positive();

const requestSchema = z.object({
  limits: z.object({ maxTokens: positiveCount }),
  sampling: z.object({
    temperature: z.number().nonnegative(),
    topP: z.number().gt(0).max(1).optional(),
    seed: z.number().int(),
  }),
  dial: dialSchema.default(dialSchema.parse({})),
  options: splitOptionsSchema.default(splitOptionsSchema.parse({})),
  stop: z.array(z.string().min(1)).readonly().default([]),
});

export type CheckedRequest = Omit<z.output<typeof requestSchema>, "sampling"> & {
  readonly sampling: Sampling;
};

/** Fills in defaults; throws a {@link ConfigError} that names the first field that is wrong. */
export function checkRequest(request: SplitRequest): CheckedRequest {
  if (request.prompt.every((piece) => piece.text === "" && (piece.tokens?.ids.length ?? 0) === 0)) {
    throw new ConfigError("prompt: it is empty; give at least one piece with text.", {
      code: "config-invalid",
    });
  }
  const { limits, sampling, dial, options, stop } = request;
  const value = { limits, sampling, dial, options, stop };
  return { ...checkDocument(value, requestSchema, { name: "request", source: "config" }), sampling };
}
