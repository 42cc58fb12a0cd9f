/** A session, which keeps models alive on the server. Its heartbeat has its own timer, whatever else is under way. */
import type { TinkerTransport } from "./transport.ts";
import { parseDocument, sessionSchema } from "./wire/documents.ts";

/** The SDK whose wire format is spoken here. */
const SDK_VERSION = "0.25.0";
/** Interval of heartbeats, the SDK's. Servers end a session after 300 s of silence. */
const HEARTBEAT_MS = 10_000;

export class TinkerSession {
  readonly id: string;
  readonly #timer: NodeJS.Timeout;

  private constructor(id: string, transport: TinkerTransport, heartbeatMs: number) {
    this.id = id;
    this.#timer = setInterval(() => {
      // The next beat makes up for a missed one. The transport finds out what a long silence means.
      transport.beat("/session_heartbeat", { session_id: id, type: "session_heartbeat" }).catch(() => {});
    }, heartbeatMs);
    // It keeps the session alive, not this process.
    this.#timer.unref();
  }

  static async open(transport: TinkerTransport, heartbeatMs = HEARTBEAT_MS): Promise<TinkerSession> {
    const { document } = await transport.post("/create_session", () => ({
      tags: ["splitreason"],
      user_metadata: null,
      sdk_version: SDK_VERSION,
      type: "create_session",
    }));
    const { session_id: id } = parseDocument(sessionSchema, document, `${transport.name}/create_session`);
    return new TinkerSession(id, transport, heartbeatMs);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
