/** Shared by the data commands: flags that select rows, and the progress of reading. */
import { type Command, Option } from "commander";

import { given } from "../../core/given.ts";
import { count, duration, fileSize, percent } from "../../core/figures.ts";
import type { Clock } from "../../core/clock.ts";
import { hubAccessFrom } from "../../data/hub/calls.ts";
import { GENERATION_CHOICES, type GenerationChoice } from "../../data/readers/open-r1.ts";
import type { ReadOptions } from "../../data/readers/read-traces.ts";
import { WORD_TOKENS } from "../../data/stats/statistics.ts";
import { type TokenStarts, tokenizerStarts, wordStarts } from "../../data/stats/tokens.ts";
import { loadTokenizer } from "../../tokenizer/index.ts";
import { filledText, limitFlag } from "../support/flags.ts";
import { Progress } from "../support/progress.ts";
import type { Terminal } from "../support/terminal.ts";

export interface SourceFlags {
  readonly generation: GenerationChoice;
  readonly limit?: number;
}

/** Adds the flags that select rows. */
export function addSourceFlags(command: Command): Command {
  return command
    .addOption(
      new Option("--generation <which>", "which traces to take of a problem with several (OpenR1-Math-220k)")
        .choices([...GENERATION_CHOICES])
        .default("first-correct"),
    )
    .addOption(limitFlag("read at most so many rows"));
}

export function addTokenizerFlag(command: Command): Command {
  return command.option(
    "--tokenizer <folder>",
    "count the tokens of this tokenizer.json (default: words, digits and signs)",
    filledText,
  );
}

export interface TokenCounting {
  readonly tokenStarts: TokenStarts;
  readonly tokenizer: string;
}

export async function tokenCounting(folder: string | undefined): Promise<TokenCounting> {
  if (folder === undefined) return { tokenStarts: wordStarts, tokenizer: WORD_TOKENS };
  const { tokenizer } = await loadTokenizer(folder);
  return { tokenStarts: tokenizerStarts(tokenizer), tokenizer: `tokens of ${folder}` };
}

/** Options for the readers, from flags, with progress on the terminal. */
export function readOptions(terminal: Terminal, flags: SourceFlags, progress: ReadProgress): ReadOptions {
  return {
    signal: terminal.signal,
    generation: flags.generation,
    hub: hubAccessFrom(terminal.environment),
    onProgress: (done, total) => progress.update(done, total),
    ...given({ limit: flags.limit }),
  };
}

/** Shows how far the reading is: `42.1% of 310 MB, 8,400 rows, 12 s left`. */
export class ReadProgress {
  readonly #line: Progress;
  readonly #clock: Clock;
  readonly #startMs: number;
  #rows = 0;

  constructor(terminal: Terminal) {
    this.#line = new Progress(terminal, "rows");
    this.#clock = terminal.clock;
    this.#startMs = terminal.clock.nowMs();
  }

  get rows(): number {
    return this.#rows;
  }

  row(): void {
    this.#rows += 1;
  }

  update(doneBytes: number, totalBytes: number): void {
    const share = totalBytes === 0 ? 1 : doneBytes / totalBytes;
    const elapsedMs = this.#clock.nowMs() - this.#startMs;
    const left = share === 0 ? "" : `, ${duration((elapsedMs * (1 - share)) / share)} left`;
    this.#line.show(`${percent(share)} of ${fileSize(totalBytes)}, ${count(this.#rows)} rows${left}`);
  }

  /** Clears the line. */
  end(): void {
    this.#line.end();
  }
}
