/** `splitreason profile` as a function: opens an engine, measures it, and describes what was measured on which machine. */
import type { Clock } from "../core/clock.ts";
import { ConfigError } from "../core/errors.ts";
import { readProvenance } from "../core/provenance.ts";
import { createRng } from "../core/rng.ts";
import { modelFileDigest, openEngine } from "../engines/open/open-engine.ts";
import { parseEngineSpec } from "../engines/open/spec.ts";
import { profileFrom, type Typical, typicalOf } from "./build-profile.ts";
import { type Beside, measureBeside } from "./measure-beside.ts";
import { measureEngine, type MeasureHooks, type MeasureSettings } from "./measure.ts";
import { type EngineProfile, type EngineProfileInput, engineProfileSchema } from "./profile.ts";

export interface ProfileSettings extends Omit<MeasureSettings, "contexts"> {
  readonly spec: string;
  /** Lengths of context. Default: those of {@link USUAL_CONTEXTS} that fit, and the longest that fits. */
  readonly contexts?: readonly number[];
  /** Another engine that works on the same machine at the same time. */
  readonly beside?: string;
  readonly threads?: number;
  readonly contextSize?: number;
  readonly typical: Typical;
}

export const DEFAULT_MEASURE = {
  rounds: 10,
  decodeTokens: 64,
  prefillTokens: [32, 128, 384],
  scoreTokens: [8, 64],
  maxSeconds: 180,
} as const;

export const QUICK_MEASURE = {
  ...DEFAULT_MEASURE,
  rounds: 3,
  decodeTokens: 24,
  prefillTokens: [32, 128],
  maxSeconds: 30,
} as const;

const USUAL_CONTEXTS: readonly number[] = [64, 256, 1024, 4096, 16_384];

export interface MeasuredProfile {
  readonly profile: EngineProfile;
  /** The profile as it is written to a file. */
  readonly document: EngineProfileInput;
  /** Contexts for which there was no time. */
  readonly leftOut: readonly number[];
}

/**
 * Measures an engine. Rejects with the signal's reason when aborted: half a profile is useless.
 * @throws ConfigError for a spec or contexts that do not fit, EngineError when the engine fails.
 */
export async function profileEngine(
  settings: ProfileSettings,
  hooks: MeasureHooks & { readonly onBeside?: () => void },
): Promise<MeasuredProfile> {
  const { spec, beside: besideSpec, threads, contextSize, typical, seed } = settings;
  const { clock, signal } = hooks;
  const options = {
    sequences: 1,
    ...(threads === undefined ? {} : { threads }),
    ...(contextSize === undefined ? {} : { contextSize }),
  };
  await using engine = await openEngine(spec, options, signal);
  const fitted = fit(settings, engine.capabilities.contextSize);
  const measurement = await measureEngine(engine, fitted, hooks);
  let beside: Beside | undefined;
  if (besideSpec !== undefined) {
    hooks.onBeside?.();
    await using other = await openEngine(besideSpec, options, signal);
    beside = await measureBeside(
      engine,
      other,
      { rounds: settings.rounds * 2, maxSeconds: settings.maxSeconds, seed, typical: typicalOf(typical) },
      { clock, signal },
    );
  }
  const digest = await modelFileDigest(spec);
  const document: EngineProfileInput = {
    format: "splitreason-profile-1",
    model: spec,
    ...(digest === undefined ? {} : { digest }),
    ...profileFrom(measurement, typical, createRng(seed).fork("intervals")),
    ...(beside === undefined
      ? {}
      : { beside: { decode: beside.decode, prefill: beside.prefill, with: besideSpec } }),
    cancels: parseEngineSpec(spec).kind === "http",
    measured: await provenanceOf(settings, fitted, measurement, clock),
  };
  return { profile: engineProfileSchema.parse(document), document, leftOut: measurement.leftOut };
}

async function provenanceOf(
  { threads, typical, temperature, seed }: ProfileSettings,
  { contexts, prefillTokens, scoreTokens, decodeTokens }: MeasureSettings,
  { rounds, seconds, leftOut }: Awaited<ReturnType<typeof measureEngine>>,
  clock: Clock,
): Promise<Record<string, unknown>> {
  const { git, machine } = await readProvenance();
  return {
    at: clock.isoNow(),
    seconds: Math.round(seconds * 10) / 10,
    rounds,
    typical,
    batch: 1,
    temperature,
    threads: threads ?? "default",
    seed,
    contexts,
    leftOut,
    decodeTokens,
    prefillTokens,
    scoreTokens,
    git,
    machine,
  };
}

/** Room for the longest timing after a context. Words are not cut at a token. */
const ROOM = 1.25;
const SPARE = 24;

function fit(settings: ProfileSettings, contextSize: number): MeasureSettings {
  const fits = (tokens: number): boolean => tokens * ROOM + SPARE <= contextSize / 2;
  const prefillTokens = settings.prefillTokens.filter(fits);
  const scoreTokens = settings.scoreTokens.filter(fits);
  const decodeTokens = Math.min(settings.decodeTokens, Math.floor(contextSize / 4));
  const longest = Math.max(decodeTokens + 16, ...prefillTokens, ...scoreTokens);
  const room = Math.floor(contextSize - longest * ROOM - SPARE);
  if (prefillTokens.length === 0 || room < 1) {
    throw new ConfigError(
      `${settings.spec}: its context of ${contextSize} tokens is too short to be measured; give it at least 128.`,
      { code: "config-invalid" },
    );
  }
  const tooLong = settings.contexts?.find((context) => context > room);
  if (tooLong !== undefined) {
    throw new ConfigError(
      `${settings.spec}: a context of ${tooLong} tokens is too long: the engine holds ${contextSize}, and timings need some of them; ask for at most ${room}.`,
      { code: "usage" },
    );
  }
  return {
    ...settings,
    prefillTokens,
    scoreTokens,
    decodeTokens,
    contexts: settings.contexts ?? usualContexts(room),
  };
}

/** Adds the longest context that fits, unless it is near another. */
function usualContexts(room: number): number[] {
  const usual = USUAL_CONTEXTS.filter((context) => context <= room);
  const last = usual.at(-1) ?? 0;
  const limit = Math.min(room, USUAL_CONTEXTS.at(-1) ?? room);
  return limit >= 1.5 * last ? [...usual, limit] : usual;
}
