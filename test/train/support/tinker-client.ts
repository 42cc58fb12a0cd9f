/** A trainer connected to an imitated server, with short pauses. */
import type { Clock } from "../../../src/core/clock.ts";
import { createRng } from "../../../src/core/rng.ts";
import type { BackendName } from "../../../src/train/trainers/tinker/backends.ts";
import type { OutageNews } from "../../../src/train/trainers/tinker/outage.ts";
import { parseTinkerSpec, type TinkerSpec } from "../../../src/train/trainers/tinker/spec.ts";
import { TinkerTrainer } from "../../../src/train/trainers/tinker/tinker-trainer.ts";
import { TinkerTransport } from "../../../src/train/trainers/tinker/transport.ts";

export interface ConnectOptions {
  readonly backend?: BackendName;
  readonly patienceMs?: number;
  readonly heartbeatMs?: number;
  readonly answerTimeoutMs?: number;
  readonly rank?: number;
  readonly news?: OutageNews[];
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

export const ADAM = {
  learningRate: 0.1,
  beta1: 0.9,
  beta2: 0.98,
  epsilon: 1e-9,
  weightDecay: 0,
  clipNorm: 0,
};

/** @param text `tinker:URL?...`, as --trainer has it. */
export function tinkerSpec(text: string): TinkerSpec {
  return parseTinkerSpec(text.replace(/^tinker:/u, ""), (what) => {
    throw new Error(what);
  });
}

/** @param opened What the caller has to close, also when there is no connection. */
export async function connectTo(
  url: string,
  opened: { close(): Promise<void> }[],
  options: ConnectOptions = {},
): Promise<TinkerTrainer> {
  const { news, clock, signal, answerTimeoutMs, heartbeatMs } = options;
  const transport = new TinkerTransport({
    url,
    key: undefined,
    patienceMs: options.patienceMs ?? 5_000,
    rng: createRng(1),
    firstPauseMs: 5,
    ...(news === undefined ? {} : { onOutage: (one) => news.push(one) }),
    ...(clock === undefined ? {} : { clock }),
    ...(signal === undefined ? {} : { signal }),
    ...(answerTimeoutMs === undefined ? {} : { answerTimeoutMs }),
  });
  opened.push(transport);
  const trainer = await TinkerTrainer.connect({
    transport,
    backend: options.backend ?? "hosted",
    model: { base: undefined, rank: options.rank ?? 4, seed: 1 },
    ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
  });
  opened.push(trainer);
  return trainer;
}
