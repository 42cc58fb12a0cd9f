/** How the hub is reached: where it is, and with which token. */

export interface HubAccess {
  /** Address of the hub; the public one unless said otherwise. */
  readonly url?: string;
  /** For private and gated data sets, and for writing. Never printed. */
  readonly token?: string;
  readonly fetch?: typeof fetch;
}

/** HF_ENDPOINT and HF_TOKEN, as the hub's own tools read them. */
export function hubAccessFrom(environment: Readonly<Record<string, string | undefined>>): HubAccess {
  const url = environment["HF_ENDPOINT"]?.trim().replace(/\/+$/u, "") ?? "";
  const token = environment["HF_TOKEN"]?.trim() ?? "";
  return { ...(url === "" ? {} : { url }), ...(token === "" ? {} : { token }) };
}
