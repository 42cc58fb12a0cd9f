/** The budget as a slider: a few useful shares instead of a hundred positions, and "no cap" at the right. */

/** The budget that limits nothing. */
export const NO_CAP = 1;

const SHARES = [0, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, NO_CAP];

/** The slider's positions in order. The server's default is always one of them. */
export function budgetStops(serverDefault: number): readonly number[] {
  return [...new Set([...SHARES, serverDefault])].sort((a, b) => a - b);
}

export function budgetWords(budget: number): string {
  if (budget === NO_CAP) return "no cap";
  if (budget === 0) return "none";
  return `at most ${percent(budget)}`;
}

export function biasWords(bias: number): string {
  if (bias === 0) return "as trained";
  return bias > 0 ? "asks more" : "asks less";
}

/** A share in percent: one digit after the point below 10%, none above. */
export function percent(share: number): string {
  const value = share * 100;
  if (value > 0 && value < 0.05) return "<0.1%";
  return `${value !== 0 && value < 9.95 ? Number(value.toFixed(1)) : Math.round(value)}%`;
}
