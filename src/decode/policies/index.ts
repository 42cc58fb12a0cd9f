/** The offload policies by name. Each is one small file; the interface is `../policy.ts`. */
import { z } from "zod";

import { ConfigError } from "../../core/errors.ts";
import type { Policy } from "../policy.ts";
import { always } from "./always.ts";
import { learned } from "./learned.ts";
import { never } from "./never.ts";
import { random, randomOptionsSchema } from "./random.ts";
import { self } from "./self.ts";

export { always } from "./always.ts";
export { learned } from "./learned.ts";
export { never } from "./never.ts";
export { type RandomOptions, random } from "./random.ts";
export { self } from "./self.ts";

const noOptions = z.object({}).strict();

/** Adding a policy is adding a line here. */
const POLICIES: Readonly<Record<string, (options: unknown) => Policy>> = {
  learned: (options) => (noOptions.parse(options), learned()),
  random: (options) => random(randomOptionsSchema.parse(options)),
  never: (options) => (noOptions.parse(options), never()),
  self: (options) => (noOptions.parse(options), self()),
  always: (options) => (noOptions.parse(options), always()),
};

export const POLICY_NAMES: readonly string[] = Object.keys(POLICIES);

/** The policy of this name; throws a {@link ConfigError} that lists the names known, or the option that is wrong. */
export function parsePolicy(name: string, options: Readonly<Record<string, unknown>> = {}): Policy {
  const create = Object.hasOwn(POLICIES, name) ? POLICIES[name] : undefined;
  if (create === undefined) {
    throw new ConfigError(`unknown policy "${name}"; known are ${POLICY_NAMES.join(", ")}.`, {
      code: "config-invalid",
    });
  }
  try {
    return create(options);
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    const first = error.issues[0];
    const where = first === undefined || first.path.length === 0 ? "" : `, option "${first.path.join(".")}"`;
    throw new ConfigError(`policy "${name}"${where}: ${first?.message ?? "invalid options"}.`, {
      code: "config-invalid",
      cause: error,
    });
  }
}
