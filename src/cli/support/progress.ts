/** Progress on standard error: one line that is rewritten on a terminal; elsewhere a line every 15 seconds. */
import { count, duration } from "../../core/figures.ts";
import type { Terminal } from "./terminal.ts";

const TERMINAL_INTERVAL_MS = 100;
const LOG_INTERVAL_MS = 15_000;

export class Progress {
  readonly #terminal: Terminal;
  readonly #unit: string;
  #startMs: number;
  #startDone = 0;
  #shownMs: number;
  #lineShown = false;

  /** @param unit The things counted, e.g. `samples`. */
  constructor(terminal: Terminal, unit: string) {
    this.#terminal = terminal;
    this.#unit = unit;
    this.#startMs = terminal.clock.nowMs();
    this.#shownMs = this.#startMs;
  }

  /** Starts the clock. `done` items were finished before, so they do not count for the speed. */
  start(done: number): void {
    this.#startMs = this.#terminal.clock.nowMs();
    this.#startDone = done;
  }

  update(done: number, total: number, note = ""): void {
    const nowMs = this.#terminal.clock.nowMs();
    const perItemMs = (nowMs - this.#startMs) / Math.max(1, done - this.#startDone);
    const left = duration(perItemMs * (total - done));
    this.show(
      `${count(done)} of ${count(total)} ${this.#unit}, ${left} left${note === "" ? "" : `; ${note}`}`,
    );
  }

  /** Shows the given line, unless the last one was shown a moment ago. */
  show(line: string): void {
    const nowMs = this.#terminal.clock.nowMs();
    const { logIsTerminal, columns } = this.#terminal;
    if (nowMs - this.#shownMs < (logIsTerminal ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS)) return;
    this.#shownMs = nowMs;
    this.#terminal.log(logIsTerminal ? `\r\u001b[2K${line.slice(0, columns - 1)}` : `${line}\n`);
    this.#lineShown = logIsTerminal;
  }

  /** Logs a line that stays. It takes the place of the line of progress. */
  message(text: string): void {
    this.end();
    this.#terminal.log(`${text}\n`);
  }

  /** Clears the line, so that the next output starts on a clean one. */
  end(): void {
    if (this.#lineShown) this.#terminal.log("\r\u001b[2K");
    this.#lineShown = false;
  }
}
