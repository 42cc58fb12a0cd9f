/**
 * The latency model. A profile holds an engine's speeds as data (`profile.ts`; `profile-engine.ts` measures one). A simulator in virtual time
 * predicts how long a recorded trace takes under any two profiles (`simulate.ts`). It is no load model: one request runs alone on both machines.
 * Everything but the measuring is pure. The cli, recipes and benchmarks may call it. docs/latency.md describes the model and its errors.
 */
export {
  against,
  type AgainstMeasured,
  type ArmForecast,
  forecast,
  type Forecast,
  type ModeForecast,
} from "./forecast.ts";
export { MODE_MEANINGS, type Mode, MODES } from "./simulate.ts";
export { DEFAULT_MEASURE, profileEngine, type ProfileSettings, QUICK_MEASURE } from "./profile-engine.ts";
export { type EngineProfile, type EngineProfileInput, engineProfileSchema, readProfile } from "./profile.ts";
export { readTraces, type ReadTraces } from "./trace.ts";
export { type DecoderTiming, type Simulation } from "./simulate-decoder.ts";
export { pairCosts, simulate } from "./simulate.ts";
export { recordedTraceSchema, type Trace, traceOf } from "./trace.ts";
export { type Cause, CAUSES } from "./virtual-time.ts";
