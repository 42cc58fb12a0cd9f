/**
 * The latency model: an engine's speeds as data (`profile.ts`, measured by `profile-engine.ts`), and a simulator in virtual time that predicts how
 * long a recorded trace takes under any two of them (`simulate.ts`). Not a load model: one request, alone on both machines. Everything but
 * the measuring is pure. Who may call it: cli, recipes, benchmarks. docs/latency.md has the model and how well it predicts.
 */
export {
  against,
  type AgainstMeasured,
  type ArmForecast,
  forecast,
  type Forecast,
  type ModeForecast,
} from "./forecast.ts";
export { MODE_MEANINGS, type Mode, MODES } from "./modes.ts";
export { DEFAULT_MEASURE, profileEngine, type ProfileSettings, QUICK_MEASURE } from "./profile-engine.ts";
export { type EngineProfile, type EngineProfileInput, engineProfileSchema, readProfile } from "./profile.ts";
export { readTraces, type ReadTraces } from "./read-traces.ts";
export { type DecoderTiming, type Simulation } from "./simulate-decoder.ts";
export { pairCosts, simulate } from "./simulate.ts";
export { recordedTraceSchema, type Trace, traceOf } from "./trace.ts";
export { type Cause, CAUSES } from "./virtual-time.ts";
