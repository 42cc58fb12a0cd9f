/** `--trainer tinker:URL?parameter=value&...`, without its first word. Parsing only: no server is asked. */
import { z } from "zod";

import { specAddress, specParameters } from "../../../core/spec.ts";
import { parseEngineSpec } from "../../../engines/open/spec.ts";
import { BACKENDS, type BackendName } from "./backends.ts";

/** The parameters are explained in docs/scale.md. */
export interface TinkerSpec {
  readonly url: string;
  /** The base model. Undefined: the only model that the server has. */
  readonly base: string | undefined;
  readonly backend: BackendName;
  readonly rank: number;
  readonly keyEnv: string | undefined;
  readonly patienceMs: number;
  /** Tokens in a rollout's context. Undefined: as many as --model says. */
  readonly contextSize: number | undefined;
  /**
   * Who samples the policy model. `server`: the trainer server. `local`: this process. Otherwise an engine spec, whose servers have the
   * same weights.
   */
  readonly sampler: string;
  /** Folder that the sampler's server reads adapters from. Undefined where the trainer server updates the sampler by itself. */
  readonly adapters: string | undefined;
}

const wholeNumber = z
  .string()
  .regex(/^(?:0|[1-9][0-9]{0,8})$/u, "a whole number is possible")
  .transform(Number);

const parametersSchema = z.strictObject({
  base: z.string().min(1).optional(),
  backend: z.enum(BACKENDS).default("fsdp"),
  rank: wholeNumber.default(32),
  "key-env": z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/u, "a name of an environment variable is possible")
    .optional(),
  patience: wholeNumber.default(600),
  context: wholeNumber.optional(),
  adapters: z.string().min(1).optional(),
});

const SAMPLER = /[?&]sampler=/u;

/** @param fail Throws an error that says what is wrong. */
export function parseTinkerSpec(whole: string, fail: (what: string) => never): TinkerSpec {
  // An engine spec has its own parameters, so `sampler` is the last parameter and takes all that follows.
  const at = whole.search(SAMPLER);
  const sampler = at < 0 ? "server" : whole.slice(at + "?sampler=".length);
  const rest = at < 0 ? whole : whole.slice(0, at);
  const question = rest.indexOf("?");
  const url = specAddress(question < 0 ? rest : rest.slice(0, question), fail).replace(/\/api\/v1$/u, "");
  const parameters = specParameters(question < 0 ? "" : rest.slice(question + 1), parametersSchema, fail, [
    "sampler (last)",
  ]);
  const { base, backend, rank, patience, context, adapters } = parameters;
  checkSampler(sampler, adapters, fail);
  if (adapters !== undefined && rank === 0)
    return fail("adapters=FOLDER is for adapters, and rank=0 trains all weights");
  if (rank === 0 && backend === "jax")
    return fail("rank=0 trains all weights, which the jax backend does not do");
  return {
    url,
    base,
    backend,
    rank,
    keyEnv: parameters["key-env"],
    patienceMs: patience * 1000,
    contextSize: context,
    sampler,
    adapters,
  };
}

function checkSampler(sampler: string, adapters: string | undefined, fail: (what: string) => never): void {
  if (sampler !== "server" && sampler !== "local") {
    if (parseEngineSpec(sampler).kind !== "http")
      fail(`sampler ${JSON.stringify(sampler)} is no server; it is server, local or openai:URL#MODEL?...`);
  } else if (adapters !== undefined) fail(`adapters=FOLDER is for a sampler=openai:..., not for ${sampler}`);
}
