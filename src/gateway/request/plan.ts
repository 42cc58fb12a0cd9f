/**
 * Turns checked fields into a {@link GenerationRequest}. The request's own dial comes first, then that of the model's name, then the
 * pair's. A setting that the policy cannot honour is refused.
 */
import { SplitReasonError } from "../../core/errors.ts";
import { hash32 } from "../../core/rng.ts";
import {
  type Policy,
  parsePolicySpec,
  POLICY_NAMES,
  type PolicySpec,
  requireFit,
} from "../../decode/index.ts";
import { askedDial, DIAL_LIMITS, dialSchema } from "../../decode/dial/dial.ts";
import type { Pair, PairPrompt } from "../../decode/pair/pair.ts";
import { type PairConfig, pairPolicy } from "../../decode/pair/pair-config.ts";
import { unhonoured, unhonouredText } from "../../decode/policies/honoured-dial.ts";
import type { GatewayConfig } from "../config/config.ts";
import { invalidRequest } from "../failures/gateway-error.ts";
import type { DialPreset } from "../config/model-presets.ts";
import type { ExtensionFields } from "./extension.ts";
import type { GenerationRequest } from "./generation-request.ts";
import { resolveModel } from "./model-names.ts";

export interface PlanContext {
  readonly pair: Pair;
  readonly config: GatewayConfig;
  /** Draws a seed for a request that brings none. */
  readonly drawSeed: () => number;
}

/** The fields that a protocol has read from a body. A field is undefined if the client did not send it. */
export interface AskedGeneration {
  readonly model: string;
  readonly temperature: number | undefined;
  readonly topP: number | undefined;
  readonly seed: number | undefined;
  readonly stop: readonly string[] | undefined;
  readonly n: number | undefined;
  /** The limit, and the name of its field in this protocol. */
  readonly maxTokens: { readonly value: number | undefined; readonly field: string };
  readonly prompts: readonly PairPrompt[];
  readonly promptField: GenerationRequest["promptField"];
  readonly reasoning: GenerationRequest["reasoning"];
  readonly stream: GenerationRequest["stream"];
  readonly extension: Partial<ExtensionFields> | undefined;
}

/** @throws GatewayError 400 or 404 that names the field. */
export function planGeneration(request: AskedGeneration, context: PlanContext): GenerationRequest {
  const { pair, config } = context;
  const { limits } = config;
  const { prompts, promptField, reasoning, stream, extension = {} } = request;
  const { policy, dial, capsBig, smallOnly } = planDial(request.model, extension, context);
  const n = request.n ?? 1;
  const choices = n * prompts.length;
  if (choices > limits.choices) {
    throw invalidRequest(
      `n: ${choices} choices are more than this gateway gives at once, which is ${limits.choices} (limits.choices).`,
      { param: prompts.length > 1 ? promptField : "n" },
    );
  }
  const { value: asked, field } = request.maxTokens;
  if (asked !== undefined && asked > limits.maxTokens) {
    throw invalidRequest(
      `${field}: ${asked} tokens are more than this gateway writes, which is ${limits.maxTokens} (limits.maxTokens).`,
      { param: field },
    );
  }
  const topP = request.topP ?? pair.config.sampling.topP;
  return {
    model: request.model,
    policy,
    dial,
    temperature: request.temperature ?? pair.config.sampling.temperature,
    ...(topP === undefined ? {} : { topP }),
    seed: request.seed ?? context.drawSeed(),
    maxTokens: asked ?? Math.min(pair.config.maxTokens, limits.maxTokens),
    stop: request.stop ?? [],
    prompts,
    promptField,
    n,
    stream,
    authors: extension.authors === true,
    reasoning,
    capsBig,
    smallOnly,
  };
}

/** The seed of a choice: the request's own for the first, derived ones for the others. Engines get 32-bit numbers. */
export function choiceSeed(seed: number, choice: number): number {
  if (choice > 0) return hash32(`choice ${choice} of ${seed}`);
  return seed >= 0 && seed < 2 ** 32 ? seed : hash32(`seed ${seed}`);
}

function planDial(
  model: string,
  extension: Partial<ExtensionFields>,
  { pair, config }: PlanContext,
): Pick<GenerationRequest, "policy" | "dial" | "capsBig" | "smallOnly"> {
  const { preset, isFixed } = resolveModel(model, config.models);
  if (isFixed) refuseContradiction(model, preset, extension);
  const policy = choosePolicy(preset, extension, pair);
  refuseWithout(policy, extension, preset);
  const asked = { ...askedDial(preset), ...askedDial(extension) };
  const dial = dialSchema.parse({ ...pair.config.dial, ...asked });
  const capsBig = DIAL_LIMITS.some((field) => asked[field] !== undefined);
  const smallOnly = (extension.policy ?? preset.policy) !== undefined && policy.uses === "small";
  return { policy, dial, capsBig, smallOnly };
}

function refuseContradiction(model: string, preset: DialPreset, extension: Partial<ExtensionFields>): void {
  for (const field of ["policy", "budget"] as const) {
    const named = preset[field];
    const asked = extension[field];
    // Options do not make it another policy.
    const isSame = field === "policy" && typeof asked === "string" && asked.split(":", 1)[0] === named;
    if (named === undefined || asked === undefined || named === asked || isSame) continue;
    throw invalidRequest(
      `splitreason.${field}: ${JSON.stringify(asked)} contradicts the model's name ${model}, which stands for ${JSON.stringify(named)}.`,
      { param: `splitreason.${field}` },
    );
  }
}

function choosePolicy(preset: DialPreset, extension: Partial<ExtensionFields>, pair: Pair): Policy {
  const { config } = pair;
  const spec = extension.policy ?? preset.policy ?? config.policy;
  const { name } = specOf(spec);
  const param = extension.policy === undefined ? "model" : "splitreason.policy";
  if (!POLICY_NAMES.includes(name)) {
    throw invalidRequest(
      `${param}: there is no policy ${JSON.stringify(name.slice(0, 60))}; known are ${POLICY_NAMES.join(", ")}.`,
      { param },
    );
  }
  const policy = optionedPolicy(spec, preset, extension, config);
  try {
    requireFit(pair, policy, config.tags);
  } catch (error) {
    // The operator has to repair the pair's own policy.
    if (!(error instanceof SplitReasonError) || (param === "model" && preset.policy === undefined))
      throw error;
    throw invalidRequest(`${param}: ${error.message}`, { param, cause: error });
  }
  return policy;
}

/** Makes the policy. The request's own options win over the preset's, and those win over the pair's. */
function optionedPolicy(
  spec: string,
  preset: DialPreset,
  extension: Partial<ExtensionFields>,
  config: PairConfig,
): Policy {
  const { name } = specOf(spec);
  const presetSpec = preset.policy === undefined ? undefined : specOf(preset.policy);
  const fromPreset = presetSpec?.name === name ? { ...preset.policyOptions, ...presetSpec.options } : {};
  const param = extension.policyOptions === undefined ? "splitreason.policy" : "splitreason.policyOptions";
  try {
    return pairPolicy(config, spec, { ...fromPreset, ...extension.policyOptions });
  } catch (error) {
    const isAsked = extension.policy !== undefined || extension.policyOptions !== undefined;
    if (!(error instanceof SplitReasonError) || !isAsked) throw error;
    throw invalidRequest(`${param}: ${error.message}`, { param, cause: error });
  }
}

/** Reads a policy's name with its options. @throws GatewayError 400 when it cannot be read. */
function specOf(spec: string): PolicySpec {
  try {
    return parsePolicySpec(spec);
  } catch (error) {
    if (!(error instanceof SplitReasonError)) throw error;
    throw invalidRequest(`splitreason.policy: ${error.message}`, {
      param: "splitreason.policy",
      cause: error,
    });
  }
}

function refuseWithout({ name }: Policy, extension: Partial<ExtensionFields>, preset: DialPreset): void {
  const fault = unhonoured(name, { ...askedDial(preset), ...askedDial(extension) });
  if (fault === undefined) return;
  const isAsked = askedDial(extension)[fault.field] !== undefined;
  const param = isAsked ? `splitreason.${fault.field}` : "model";
  throw invalidRequest(`${param}: ${unhonouredText(name, fault)}.`, { param });
}
