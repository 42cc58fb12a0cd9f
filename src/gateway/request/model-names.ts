/** Model names that stand for settings of the dial, for clients that can send nothing else. */
import type { DialPreset } from "../config/model-presets.ts";
import { GatewayError } from "../failures/gateway-error.ts";

/** The names that every gateway has. In addition, `splitreason@SHARE` stands for any budget from 0 to 1. */
export const MODEL_NAMES = {
  split: "splitreason",
  small: "splitreason:small",
  big: "splitreason:big",
} as const;

export interface NamedModel {
  readonly preset: DialPreset;
  /** Whether the request may not contradict the name. An operator's preset is only a default. */
  readonly isFixed: boolean;
}

const BUDGET_NAME = /^splitreason@((?:0|1)?(?:\.[0-9]{1,9})?)$/u;

/** @throws GatewayError 404 `model_not_found`. */
export function resolveModel(name: string, aliases: Readonly<Record<string, DialPreset>>): NamedModel {
  const alias = Object.hasOwn(aliases, name) ? aliases[name] : undefined;
  if (alias !== undefined) return { preset: alias, isFixed: false };
  switch (name) {
    case MODEL_NAMES.split:
      return { preset: {}, isFixed: true };
    case MODEL_NAMES.small:
      return { preset: { policy: "never" }, isFixed: true };
    case MODEL_NAMES.big:
      return { preset: { policy: "always" }, isFixed: true };
  }
  const share = BUDGET_NAME.exec(name)?.[1] ?? "";
  const budget = share === "" ? Number.NaN : Number(share);
  if (budget >= 0 && budget <= 1) return { preset: { budget }, isFixed: true };
  throw notFound(name, aliases);
}

function notFound(name: string, aliases: Readonly<Record<string, DialPreset>>): GatewayError {
  const known = [
    ...Object.values(MODEL_NAMES),
    `${MODEL_NAMES.split}@0.05 (any budget from 0 to 1)`,
    ...Object.keys(aliases),
  ];
  return new GatewayError(
    "model-not-found",
    `there is no model ${JSON.stringify(name.slice(0, 100))} here; known are ${known.slice(0, 30).join(", ")}.`,
    { param: "model" },
  );
}
