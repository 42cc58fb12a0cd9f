/** Access to the hub: its address and the token. */

export interface HubAccess {
  /** Address of the hub. Default: the public one. */
  readonly url?: string;
  /** Token for private and gated data sets, and for writing. Never printed. */
  readonly token?: string;
  readonly fetch?: typeof fetch;
}

/** Reads HF_ENDPOINT and HF_TOKEN, as the hub's own tools do. */
export function hubAccessFrom(environment: Readonly<Record<string, string | undefined>>): HubAccess {
  const url = environment["HF_ENDPOINT"]?.trim().replace(/\/+$/u, "") ?? "";
  const token = environment["HF_TOKEN"]?.trim() ?? "";
  return { ...(url === "" ? {} : { url }), ...(token === "" ? {} : { token }) };
}
