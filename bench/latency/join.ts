/** Measurements that were taken in turns with something else, as one. */
import type { Measurement } from "../../src/latency/measure.ts";

export const joined = (parts: readonly Measurement[]): Measurement => ({
  visits: parts.flatMap(({ visits }, part) =>
    visits.map((visit) => ({ ...visit, round: part * 1000 + visit.round })),
  ),
  opensMs: parts.flatMap(({ opensMs }) => opensMs),
  leftOut: [],
  rounds: parts.reduce((sum, { rounds }) => sum + rounds, 0),
  seconds: parts.reduce((sum, { seconds }) => sum + seconds, 0),
});
