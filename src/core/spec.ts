/** The parts that specs of engines and trainers share: an address, and parameters as in a URL (`dialect=vllm&context=4096`). */
import type { z } from "zod";

/** Throws the error of a spec, with what is wrong in it. */
export type FailSpec = (what: string) => never;

/** A base URL without a slash at the end. It must be http or https, without credentials. */
export function specAddress(address: string, fail: FailSpec): string {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    return fail(`${JSON.stringify(address)} is not a URL`);
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    return fail(`${JSON.stringify(address)} does not begin with http:// or https://`);
  }
  if (url.username !== "" || url.password !== "") {
    return fail(
      "a URL holds a user name or password: name a key by its environment variable (key-env) instead",
    );
  }
  return `${url.origin}${url.pathname.replace(/\/+$/u, "")}`;
}

/**
 * Reads parameters, each at most once, and checks them against the schema.
 * @param further Names of parameters that the caller reads itself, for the message that lists all.
 */
export function specParameters<Shape extends z.core.$ZodLooseShape>(
  query: string,
  schema: z.ZodObject<Shape, z.core.$strict>,
  fail: FailSpec,
  further: readonly string[] = [],
): z.output<z.ZodObject<Shape, z.core.$strict>> {
  const given: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(query)) {
    if (Object.hasOwn(given, name)) return fail(`the parameter ${name} is there twice`);
    given[name] = value;
  }
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue?.code === "unrecognized_keys") {
    const known = [...Object.keys(schema.shape), ...further].join(", ");
    return fail(`${issue.keys.join(", ")} is not a parameter; there are ${known}`);
  }
  return fail(`parameter ${issue?.path.join(".") ?? "?"}: ${issue?.message ?? "invalid"}`);
}
