/** Progress on standard error: one line that is rewritten on a terminal; elsewhere a line every 15 seconds. */
import { count, duration } from "../../core/figures.ts";
import { TokenSpeed } from "./token-speed.ts";
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
  readonly #speed = new TokenSpeed();
  /** The last line, which is shown again with the speed of the tokens. */
  #about = "";

  /** @param unit The things counted, e.g. `samples`. */
  constructor(terminal: Terminal, unit: string) {
    this.#terminal = terminal;
    this.#unit = unit;
    this.#startMs = terminal.clock.nowMs();
    this.#shownMs = this.#startMs;
  }

  /** Starts the clock. `done` items were finished before, so they do not count for the speed. */
  start(done: number, total?: number): void {
    this.#startMs = this.#terminal.clock.nowMs();
    this.#startDone = done;
    if (total !== undefined) this.about(`${count(done)} of ${count(total)} ${this.#unit}`);
  }

  /** Says what is under way, until something is done. */
  about(line: string): void {
    this.#about = line;
  }

  /** Counts tokens as they are written, and shows how fast that goes. */
  tokens(written: number): void {
    this.#speed.add(written, this.#terminal.clock.nowMs());
    this.show(this.#about);
  }

  update(done: number, total: number, note = ""): void {
    const nowMs = this.#terminal.clock.nowMs();
    const perItemMs = (nowMs - this.#startMs) / Math.max(1, done - this.#startDone);
    const left = duration(perItemMs * (total - done));
    this.show(
      `${count(done)} of ${count(total)} ${this.#unit}, ${left} left${note === "" ? "" : `; ${note}`}`,
    );
  }

  /** Shows the given line and the speed of the tokens, unless the last one was shown a moment ago. */
  show(line: string): void {
    this.#about = line;
    const nowMs = this.#terminal.clock.nowMs();
    const { logIsTerminal, columns } = this.#terminal;
    if (nowMs - this.#shownMs < (logIsTerminal ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS)) return;
    this.#shownMs = nowMs;
    const shown = [line, this.#speed.text()].filter((part) => part !== "").join("; ");
    this.#terminal.log(logIsTerminal ? `\r\u001b[2K${shown.slice(0, columns - 1)}` : `${shown}\n`);
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
