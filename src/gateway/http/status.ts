/** The documents of the routes that only report: models, readiness, and the facts that the playground needs. */
import type { Engine } from "../../engines/engine.ts";
import type { Pair } from "../../decode/pair/pair.ts";
import type { GatewayConfig } from "../config/config.ts";
import { type EngineHealth, healthOf, troubleOf } from "../guard/guarded-engine.ts";
import { MODEL_NAMES, resolveModel } from "../request/model-names.ts";

interface WireModel {
  readonly id: string;
  readonly object: "model";
  readonly created: number;
  readonly owned_by: "splitreason";
}

export function listModels(
  config: GatewayConfig,
  created: number,
): { readonly object: "list"; readonly data: readonly WireModel[] } {
  const names = [...Object.values(MODEL_NAMES), ...Object.keys(config.models)];
  return { object: "list", data: names.map((id) => wireModel(id, created)) };
}

/** @throws GatewayError 404 for a name that no model has. */
export function findModel(name: string, config: GatewayConfig, created: number): WireModel {
  resolveModel(name, config.models);
  return wireModel(name, created);
}

const wireModel = (id: string, created: number): WireModel => ({
  id,
  object: "model",
  created,
  owned_by: "splitreason",
});

interface EngineState {
  readonly model: string;
  readonly state: EngineHealth;
  readonly trouble?: string;
}

export interface Readiness {
  readonly status: "ready" | "unavailable";
  readonly models: { readonly small: EngineState; readonly big: EngineState | null };
}

/** Ready means that a request can be answered: by the small model, or by the big one where it may stand in. */
export function readiness(pair: Pair, config: GatewayConfig): Readiness {
  const small = engineState(pair.small);
  const big = pair.big === undefined ? null : engineState(pair.big);
  const isReady = small.state === "up" || (config.whenSmallIsDown === "big" && big?.state === "up");
  return { status: isReady ? "ready" : "unavailable", models: { small, big } };
}

function engineState(engine: Engine): EngineState {
  const trouble = troubleOf(engine);
  return {
    model: engine.model,
    state: healthOf(engine),
    ...(trouble === undefined ? {} : { trouble }),
  };
}

export interface PlaygroundFacts {
  readonly pair: { readonly small: string; readonly big: string | null };
  readonly models: typeof MODEL_NAMES;
  readonly defaults: {
    readonly budget: number;
    readonly bias: number;
    readonly maxTokens: number;
    readonly temperature: number;
  };
  readonly examples: readonly { readonly title: string; readonly problem: string }[];
  readonly needsKey: boolean;
}

export function playgroundFacts(
  pair: Pair,
  config: GatewayConfig,
  examples: PlaygroundFacts["examples"],
  needsKey: boolean,
): PlaygroundFacts {
  const { dial, maxTokens, sampling } = pair.config;
  return {
    pair: { small: pair.small.model, big: pair.big?.model ?? null },
    models: MODEL_NAMES,
    defaults: {
      budget: dial.budget,
      bias: dial.bias,
      maxTokens: Math.min(maxTokens, config.limits.maxTokens),
      temperature: sampling.temperature,
    },
    examples,
    needsKey,
  };
}
