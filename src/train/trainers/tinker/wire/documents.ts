/** The JSON answers of the Tinker protocol. Fields that are not named here are ignored. */
import { z } from "zod";

import { checkDocument } from "../../../../core/document.ts";

const id = z.string().min(1).max(256);

export const capabilitiesSchema = z.object({
  supported_models: z.array(z.object({ model_name: z.string().min(1) })),
});
export const sessionSchema = z.object({ session_id: id });
export const submittedSchema = z.object({ request_id: id });
export const modelSchema = z.object({ request_id: id, model_id: id });
export const savedSchema = z.object({ path: z.string().min(1).nullish(), sampling_session_id: id.nullish() });
export const optimizedSchema = z.object({ metrics: z.record(z.string(), z.number().nullable()).nullish() });

/** Answer of `retrieve_future` while there is no result (HTTP 200). */
export const pendingSchema = z.object({ type: z.literal("try_again") });
export const failedSchema = z.object({ error: z.string(), category: z.string().nullish() });

/** @param name The server and the path. @throws WireError that says which field the protocol does not have. */
export const parseDocument = <Schema extends z.ZodType>(
  schema: Schema,
  document: unknown,
  name: string,
): z.output<Schema> =>
  checkDocument(document, schema, {
    name: `${name}: the answer is not as in the Tinker protocol`,
    source: "wire",
  });
