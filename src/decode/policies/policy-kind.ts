/**
 * A kind of policy: everything that is known about it before one is made. Each policy's file defines its kind, the registry
 * (`index.ts`) names it, and everyone else asks: the command line, the dial, the arms of an evaluation, the prompts.
 */
import { z } from "zod";

import type { DialField } from "../dial/dial.ts";
import type { Policy } from "./policy.ts";

export interface PolicyFacts extends Pick<Policy, "name" | "uses" | "needsTags"> {
  /** One line for help texts: who writes what. */
  readonly summary: string;
  /** Settings of the dial that it cannot honour: asking for one is refused. docs/decoding.md says why. */
  readonly ignores: readonly DialField[];
  /** Whether the small model chooses where to hand over, so that it should read a task's hint about the tags. */
  readonly readsHint: boolean;
  /** The policy whose text it writes, only in another time. An evaluation does not compare the two, nor others with both. */
  readonly copies?: string;
  /** The arm of an evaluation that runs it on the tuned small model, part of `--arms all`. Undefined: it has no arm of its own. */
  readonly arm: string | undefined;
}

/** Makes policies of this kind. Called with options of the wrong type, or none that are known, it throws a ZodError. */
export interface PolicyKind<Options = never> {
  (options?: Options): Policy;
  readonly facts: PolicyFacts;
  readonly options: z.ZodObject;
  readonly make: (options: unknown) => Policy;
}

interface Definition<Schema extends z.ZodObject> extends Omit<PolicyFacts, "readsHint" | "arm"> {
  readonly readsHint?: boolean;
  /** Default: its name. */
  readonly arm?: string | undefined;
  readonly options: Schema;
  readonly create: (options: z.output<Schema>) => Pick<Policy, "needs" | "start">;
}

export function definePolicy<Schema extends z.ZodObject>(
  definition: Definition<Schema>,
): PolicyKind<z.input<Schema>> {
  const { options: schema, create, readsHint = false, ...given } = definition;
  const { name, uses, needsTags } = given;
  const make = (options: unknown): Policy => ({
    name,
    uses,
    needsTags,
    readsHint,
    ...create(schema.parse(options)),
  });
  const facts: PolicyFacts = { readsHint, ...given, arm: "arm" in given ? given.arm : name };
  return Object.assign((options: z.input<Schema> | Record<string, never> = {}) => make(options), {
    facts,
    options: schema,
    make,
  });
}

/** The schema of a policy without options. */
export const noOptions = z.object({}).strict();

/** Those options of a policy whose value is a list, even where it has one part only. */
export function listOptions({ options }: Pick<PolicyKind, "options">): ReadonlySet<string> {
  return new Set(Object.keys(options.shape).filter((name) => isList(options.shape[name])));
}

function isList(schema: unknown): boolean {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional || schema instanceof z.ZodReadonly) {
    return isList(schema.def.innerType);
  }
  return schema instanceof z.ZodArray;
}
