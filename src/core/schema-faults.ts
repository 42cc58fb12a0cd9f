/**
 * Explains in plain words why a value does not fit its schema. An unknown field is named together with the known ones; an
 * absent field is called missing.
 */
import { z } from "zod";

export interface SchemaFault {
  /** The field, with dots: `dial.bias`. Empty for the whole value. */
  readonly path: string;
  /** The fault, as a phrase without a full stop. */
  readonly text: string;
  readonly isMissing: boolean;
}

/**
 * Lists what is wrong, unknown fields first: a field that seems missing is often one of them, misspelt.
 * @param noun The word for a field, e.g. `option`.
 */
export function schemaFaults(
  error: z.ZodError,
  schema: z.ZodType,
  value: unknown,
  noun = "field",
): readonly SchemaFault[] {
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

/** `field a.b: text`, or only the text where the whole value is wrong. */
export const faultText = ({ path, text }: Pick<SchemaFault, "path" | "text">): string =>
  path === "" ? text : `field ${path}: ${text}`;

/** The first fault in words, without a full stop: for readers that report a bad row and read on. */
export const firstFault = (error: z.ZodError, schema: z.ZodType, value: unknown): string =>
  faultText(schemaFaults(error, schema, value)[0] ?? { path: "", text: "invalid" });

/** zod's codes for a value that is absent. */
const ABSENT: ReadonlySet<string> = new Set(["invalid_type", "invalid_value", "invalid_union"]);

interface Placed {
  readonly issue: z.core.$ZodIssue;
  readonly path: readonly PropertyKey[];
}

/** Finds the issue that explains: for a key or a union zod says only "invalid", and keeps the reason inside. */
function innermost(issue: z.core.$ZodIssue, above: readonly PropertyKey[] = []): Placed {
  const path = [...above, ...issue.path];
  if (issue.code === "invalid_key" && issue.issues[0] !== undefined) {
    return { issue: { ...issue.issues[0], path: [] }, path };
  }
  // The branch of the union that has the right type and a fault inside. An unknown field says more than a missing one.
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
