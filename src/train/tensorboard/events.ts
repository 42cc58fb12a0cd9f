/** TensorBoard's events as protobuf messages. Field numbers: tensorboard/compat/proto/{event,summary}.proto. */
import { ProtobufMessage } from "../../formats/protobuf.ts";

const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 } as const;
const SUMMARY_VALUE = 1;
const VALUE = { tag: 1, simpleValue: 2 } as const;
const SESSION_STATUS = 1;
const SESSION_START = 1;
const STEP_KEY = EVENT.step * 8;
const FIXED64_BYTES = 8;

const eventAt = (wallTimeS: number): ProtobufMessage =>
  new ProtobufMessage().double(EVENT.wallTime, wallTimeS);

/** The first event of every file. */
export function versionEvent(wallTimeS: number): Uint8Array {
  return eventAt(wallTimeS).string(EVENT.fileVersion, "brain.Event:2").finish();
}

/** Tells a viewer to forget what it has read of this step and later ones. */
export function restartEvent(wallTimeS: number, step: number): Uint8Array {
  return eventAt(wallTimeS)
    .integer(EVENT.step, step)
    .message(EVENT.sessionLog, new ProtobufMessage().integer(SESSION_STATUS, SESSION_START))
    .finish();
}

/** @param scalars Values by tag. Viewers group tags by the part before the slash. */
export function scalarsEvent(
  wallTimeS: number,
  step: number,
  scalars: ReadonlyMap<string, number>,
): Uint8Array {
  const summary = new ProtobufMessage();
  for (const [tag, value] of scalars) {
    summary.message(
      SUMMARY_VALUE,
      new ProtobufMessage().string(VALUE.tag, tag).float(VALUE.simpleValue, value),
    );
  }
  return eventAt(wallTimeS).integer(EVENT.step, step).message(EVENT.summary, summary).finish();
}

/** Step of an event that this project wrote; undefined for one without a step. */
export function stepOf(event: Uint8Array): number | undefined {
  // The time comes first and has a fixed length.
  let at = 1 + FIXED64_BYTES;
  if (event[0] !== EVENT.wallTime * 8 + 1 || event[at++] !== STEP_KEY) return undefined;
  let step = 0;
  for (let scale = 1; at < event.length; scale *= 128) {
    const byte = event[at++] ?? 0;
    step += (byte & 127) * scale;
    if (byte < 128) return step;
  }
  return undefined;
}
