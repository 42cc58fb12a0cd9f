/** The state of the page, and its actions. Views read the signals and call the actions. They keep only trivial state of their own. */
import { batch, computed, signal } from "@preact/signals";

import { fetchInfo, type RunRequest } from "./api/client.ts";
import { Failure } from "./api/failure.ts";
import type { PlaygroundInfo } from "./api/wire.ts";
import { budgetStops, NO_CAP } from "./run/budget.ts";
import { LANE_TITLES, type LaneId, SIDE_BY_SIDE } from "./run/lanes.ts";
import { Run } from "./run/run.ts";

export const info = signal<PlaygroundInfo | undefined>(undefined);
export const infoFailure = signal<Failure | undefined>(undefined);

export const problem = signal("");
/** A share, or NO_CAP. */
export const budget = signal<number>(NO_CAP);
/** Nats. */
export const bias = signal(0);
/** The typed texts. An empty one stands for the server's default, or for a random seed that all lanes of a run share. */
export const temperatureText = signal("");
export const maxTokensText = signal("");
export const seedText = signal("");
/** The API key, held in memory only. It is lost when the page is closed or loaded again. */
export const apiKey = signal("");
export const keyWanted = signal(false);
export const layout = signal<"split" | "compare">("split");

export const runs = signal<readonly Run[]>([]);
export const running = computed(() => runs.value.some((run) => run.active));
/** The message for screen readers: starts, ends and failures, never the stream itself. */
export const announcement = signal("");

export const stops = computed(() => budgetStops(info.value?.defaults.budget ?? NO_CAP));
export const lanes = computed<readonly LaneId[]>(() => {
  if (layout.value === "split") return ["split"];
  return info.value?.pair.big === null ? SIDE_BY_SIDE.filter((lane) => lane !== "big") : SIDE_BY_SIDE;
});

const SEED_LIMIT = 2 ** 32;

export async function loadInfo(): Promise<void> {
  infoFailure.value = undefined;
  try {
    const loaded = await fetchInfo(apiKey.value, AbortSignal.timeout(10_000));
    batch(() => {
      info.value = loaded;
      budget.value = loaded.defaults.budget ?? NO_CAP;
      bias.value = loaded.defaults.bias ?? 0;
      if (loaded.needsKey) keyWanted.value = true;
      if (problem.value === "") problem.value = loaded.examples[0]?.problem ?? "";
    });
  } catch (error) {
    const failure =
      error instanceof Failure
        ? error
        : new Failure("unreachable", "The gateway did not answer within 10 seconds.");
    if (failure.kind === "key") keyWanted.value = true;
    infoFailure.value = failure;
  }
}

export const canRun = computed(() => info.value !== undefined && problem.value.trim() !== "");

/** Starts one run for each visible lane. Earlier runs are stopped. */
export function startRuns(): void {
  if (!canRun.value) return;
  stopRuns();
  // One seed for all lanes, so that only the models differ.
  const seed = Math.floor(Math.random() * SEED_LIMIT);
  const fresh = lanes.value.flatMap((lane) => {
    const request = currentRequest(lane);
    return request === undefined ? [] : [new Run(lane, { seed, ...request })];
  });
  batch(() => {
    runs.value = fresh;
    announcement.value = fresh.length === 1 ? "Running." : `Running ${fresh.length} lanes.`;
  });
  for (const run of fresh) void follow(run);
}

/** The request of a lane with the current settings. Undefined until the server has described itself. */
export function currentRequest(lane: LaneId): RunRequest | undefined {
  const current = info.value;
  if (current === undefined) return undefined;
  return {
    model: current.models[lane],
    problem: problem.value.trim(),
    // The dial belongs to the split only.
    dial: lane === "split" ? { budget: budget.value, bias: bias.value } : {},
    ...optionalNumber("maxTokens", maxTokensText.value),
    ...optionalNumber("temperature", temperatureText.value),
    ...optionalNumber("seed", seedText.value),
  };
}

export function stopRuns(): void {
  for (const run of runs.value) run.stop();
}

export function chooseExample(text: string): void {
  problem.value = text;
}

async function follow(run: Run): Promise<void> {
  await run.start(apiKey.value);
  if (!runs.value.includes(run)) return;
  if (run.failure.value?.kind === "key") keyWanted.value = true;
  announcement.value = `${LANE_TITLES[run.lane]}: ${outcome(run)}`;
}

function outcome(run: Run): string {
  const status = run.status.value;
  switch (status) {
    case "done": {
      const answer =
        run.answer.value === undefined ? "finished." : `finished, the answer is ${run.answer.value}.`;
      return run.degraded.value === undefined ? answer : `${answer} The big model was not available.`;
    }
    case "stopped":
      return "stopped.";
    case "failed":
      return run.failure.value?.message ?? "failed.";
    case "waiting":
    case "writing":
      return "running.";
    default:
      return status satisfies never;
  }
}

function numberOf(text: string): number | undefined {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}

function optionalNumber<Key extends string>(key: Key, text: string): Partial<Record<Key, number>> {
  const value = numberOf(text);
  const result: Partial<Record<Key, number>> = {};
  if (value !== undefined) result[key] = value;
  return result;
}
