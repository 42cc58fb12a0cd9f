/** The paper's pair: its published speeds, and paced servers that run at a multiple of them. */
import { type Account, PacedServer, type PacedServerSettings } from "./paced-server.ts";

export type Role = "small" | "big";
export type PacedPair = Readonly<Record<Role, PacedServer>>;

/** Tokens per second on A6000s at a context of 4,000 tokens (Paper, latency model). */
export const PAPER_SPEEDS = {
  small: { prefill: 28_721, decode: 145 },
  big: { prefill: 3_045, decode: 16.4 },
} as const satisfies Record<Role, unknown>;

export const paceOf = (role: Role, speedup: number): PacedServerSettings["pace"] => ({
  prefillTokensPerSecond: PAPER_SPEEDS[role].prefill * speedup,
  decodeTokensPerSecond: PAPER_SPEEDS[role].decode * speedup,
});

export async function startPacedPair(
  dialect: PacedServerSettings["dialect"],
  speedup: number,
): Promise<PacedPair> {
  const start = (role: Role): Promise<PacedServer> =>
    PacedServer.start({ role, dialect, pace: paceOf(role, speedup) });
  return { small: await start("small"), big: await start("big") };
}

export const accountsOf = async ({ small, big }: PacedPair): Promise<Readonly<Record<Role, Account>>> => ({
  small: await small.account(),
  big: await big.account(),
});
