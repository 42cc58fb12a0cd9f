/** Reads recorded traces: rows of an evaluation, or rollouts of a training run. */
import { DataError } from "../core/errors.ts";
import { readJsonLines } from "../core/json-lines.ts";
import { type RecordedTrace, recordedTraceSchema } from "./trace.ts";

export interface TraceFilter {
  readonly arm?: string | undefined;
  /** Limit on the traces that match. */
  readonly limit?: number | undefined;
}

export interface ReadTraces {
  readonly traces: readonly RecordedTrace[];
  /** Number of traces in the file. */
  readonly total: number;
  /** Number of traces left out because they failed or lost the big model. Their record does not explain their time. */
  readonly failed: number;
  /** Number of traces of this arm beyond the limit. */
  readonly beyondLimit: number;
}

/** @throws DataError when the file cannot be read, a line is no trace, or none is left. */
export async function readTraces(path: string, { arm, limit = Infinity }: TraceFilter): Promise<ReadTraces> {
  const all = await readJsonLines(path, recordedTraceSchema);
  const matching = all.filter((trace) => arm === undefined || trace.arm === arm);
  const sound = matching.filter((trace) => trace.error === undefined && trace.degraded === undefined);
  if (sound.length === 0) {
    const arms = [...new Set(all.flatMap((trace) => trace.arm ?? []))].join(", ");
    throw new DataError(
      `${path} has ${all.length} traces. ${matching.length} are of the arm asked for, and ${sound.length} of these have no failure; ` +
        `its arms: ${arms === "" ? "none named" : arms}.`,
      { code: "data-invalid" },
    );
  }
  const traces = sound.slice(0, limit);
  return {
    traces,
    total: all.length,
    failed: matching.length - sound.length,
    beyondLimit: sound.length - traces.length,
  };
}
