/** What is wrong in a configuration, for people: zod's issues with the fields that there are, and with what is missing called missing. */
import { z } from "zod";

export interface ConfigFault {
  /** The place, with dots; empty for the whole. */
  readonly path: string;
  /** What is wrong there, without a full stop. */
  readonly text: string;
  readonly isMissing: boolean;
}

/**
 * Fields that are not known come first: a field that is missing is often one of these, misspelt.
 * @param noun What a field is called, e.g. `option`.
 */
export function configFaults(
  error: z.ZodError,
  schema: z.ZodType,
  value: unknown,
  noun = "field",
): readonly ConfigFault[] {
  const issues = error.issues.map((issue) => innermost(issue));
  const isUnknown = ({ issue }: Placed): boolean => issue.code === "unrecognized_keys";
  const ordered = [...issues.filter(isUnknown), ...issues.filter((placed) => !isUnknown(placed))];
  return ordered.map(({ issue, path }) => {
    const place = path.join(".");
    if (issue.code === "unrecognized_keys") {
      const known = fieldsAt(schema, path);
      const names = issue.keys.map((key) => JSON.stringify(key)).join(", ");
      return { path: place, text: `there is no ${noun} ${names}; ${listed(known)}`, isMissing: false };
    }
    const isMissing = path.length > 0 && ABSENT.has(issue.code) && valueAt(value, path) === undefined;
    return { path: place, text: isMissing ? "it is missing" : issue.message, isMissing };
  });
}

/** `, field a.b: text` or `: text`, behind the name of what holds the fields. */
export const faultText = ({ path, text }: Pick<ConfigFault, "path" | "text">, noun = "field"): string =>
  `${path === "" ? "" : `, ${noun} ${path}`}: ${text}`;

/** What zod calls a value that is not there. */
const ABSENT: ReadonlySet<string> = new Set(["invalid_type", "invalid_value", "invalid_union"]);

interface Placed {
  readonly issue: z.core.$ZodIssue;
  readonly path: readonly PropertyKey[];
}

/** zod says "invalid" of a key and of a union; what is wrong with it lies below. */
function innermost(issue: z.core.$ZodIssue, above: readonly PropertyKey[] = []): Placed {
  const path = [...above, ...issue.path];
  if (issue.code === "invalid_key" && issue.issues[0] !== undefined) {
    return { issue: { ...issue.issues[0], path: [] }, path };
  }
  // Of a union's branches, the one that has the right type and a fault within; what it does not know before what it lacks.
  const within =
    issue.code === "invalid_union"
      ? issue.errors
          .flat()
          .filter(({ code, path: below }) => below.length > 0 || code !== "invalid_type")
          .sort((a, b) => Number(b.code === "unrecognized_keys") - Number(a.code === "unrecognized_keys"))[0]
      : undefined;
  return within === undefined ? { issue, path } : innermost(within, path);
}

const listed = (fields: readonly string[]): string =>
  fields.length === 0 ? "there are none" : `there are ${fields.join(", ")}`;

function fieldsAt(schema: unknown, path: readonly PropertyKey[]): readonly string[] {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) {
    return fieldsAt(schema.unwrap(), path);
  }
  if (schema instanceof z.ZodUnion) {
    return schema.options.map((option) => fieldsAt(option, path)).find(({ length }) => length > 0) ?? [];
  }
  const [first, ...rest] = path;
  if (schema instanceof z.ZodObject) {
    const shape: Readonly<Record<string, unknown>> = schema.shape;
    return first === undefined ? Object.keys(shape) : fieldsAt(shape[String(first)], rest);
  }
  if (first === undefined) return [];
  if (schema instanceof z.ZodRecord) return fieldsAt(schema.valueType, rest);
  if (schema instanceof z.ZodArray) return fieldsAt(schema.element, rest);
  return [];
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let below: unknown = value;
  for (const key of path) {
    if (typeof below !== "object" || below === null) return undefined;
    below = Object.hasOwn(below, key) ? Reflect.get(below, key) : undefined;
  }
  return below;
}
