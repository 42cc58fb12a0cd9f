/** Progress on standard error: one line that rewrites itself on a terminal, a line now and then elsewhere. */
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

  /** `unit` names what is counted, e.g. `samples`. */
  constructor(terminal: Terminal, unit: string) {
    this.#terminal = terminal;
    this.#unit = unit;
    this.#startMs = terminal.clock.nowMs();
    this.#shownMs = this.#startMs;
  }

  /** Starts the clock: `done` were there already and say nothing about the speed. */
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

  /** Shows a line of the caller's own, if the last one has stood long enough. */
  show(line: string): void {
    const nowMs = this.#terminal.clock.nowMs();
    const { logIsTerminal, columns } = this.#terminal;
    if (nowMs - this.#shownMs < (logIsTerminal ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS)) return;
    this.#shownMs = nowMs;
    this.#terminal.log(logIsTerminal ? `\r\u001b[2K${line.slice(0, columns - 1)}` : `${line}\n`);
    this.#lineShown = logIsTerminal;
  }

  /** Logs a line that stays, in place of the line of progress. */
  message(text: string): void {
    this.end();
    this.#terminal.log(`${text}\n`);
  }

  /** Clears the line, so that what is printed next starts one. */
  end(): void {
    if (this.#lineShown) this.#terminal.log("\r\u001b[2K");
    this.#lineShown = false;
  }
}
