/** The JSON documents of the Tinker protocol that come back, parsed once here. What is not named is ignored. */
import { z } from "zod";

import { WireError } from "../../../../core/errors.ts";

const id = z.string().min(1).max(256);

export const capabilitiesSchema = z.object({
  supported_models: z.array(z.object({ model_name: z.string().min(1) })),
});
export const sessionSchema = z.object({ session_id: id });
export const submittedSchema = z.object({ request_id: id });
export const modelSchema = z.object({ request_id: id, model_id: id });
export const savedSchema = z.object({ path: z.string().min(1).nullish(), sampling_session_id: id.nullish() });
export const optimizedSchema = z.object({ metrics: z.record(z.string(), z.number().nullable()).nullish() });

/** What `retrieve_future` says when there is no result (HTTP 200). */
export const pendingSchema = z.object({ type: z.literal("try_again") });
export const failedSchema = z.object({ error: z.string(), category: z.string().nullish() });

/** @throws WireError that says which field is not as the protocol has it. */
export function parseDocument<Schema extends z.ZodType>(
  schema: Schema,
  document: unknown,
  name: string,
): z.output<Schema> {
  const parsed = schema.safeParse(document);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new WireError(
    `${name}: it answered what the Tinker protocol does not have: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}.`,
    { code: "wire-invalid", cause: parsed.error },
  );
}
