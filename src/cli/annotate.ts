/** `splitreason data annotate FILE`: marks the spans of plain traces that the small model had better hand over. */
import type { Command } from "commander";

import { DataError } from "../core/errors.ts";
import { writeFileAtomic } from "../core/files.ts";
import { readJsonLines, toJsonLines } from "../core/json-lines.ts";
import { annotateByGap, GAP_DEFAULTS } from "../data/index.ts";
import { loadPairConfig } from "../decode/pair-config.ts";
import { Pair } from "../decode/pair.ts";
import { traceRowSchema } from "../formats/trace-row.ts";
import { filledText, realNumber, wholeNumber } from "./flags.ts";
import { Progress } from "./progress.ts";
import type { CommandContext } from "./program.ts";
import { count, percent } from "./table.ts";

interface AnnotateFlags {
  readonly pair: string;
  readonly small?: string;
  readonly big?: string;
  readonly threads?: number;
  readonly out: string;
  readonly share: number;
  readonly minimumGap: number;
  readonly smoothing: number;
  readonly mergeDistance: number;
  readonly json?: boolean;
}

export function registerAnnotate(data: Command, { terminal }: CommandContext): void {
  data
    .command("annotate")
    .summary("mark the spans of traces that the big model should write")
    .description(
      "Mark the spans of plain traces that the big model should write: those where the small model is surprised and the " +
        "big one is not. Both only read; nothing is generated.",
    )
    .argument("<file>", 'JSON Lines with "id", "problem" and "trace" (the assistant\'s turn after <think>)')
    .requiredOption("--out <file>", "where the rows go, each with its spans", filledText)
    .option(
      "--share <share>",
      "wanted share of the tokens in spans, 0 to 1",
      realNumber(0, 1),
      GAP_DEFAULTS.share,
    )
    .option(
      "--minimum-gap <nats>",
      "least gap of a word in a span, in nats",
      realNumber(0, 1000),
      GAP_DEFAULTS.minimumGap,
    )
    .option(
      "--smoothing <words>",
      "words on each side that a gap is averaged with",
      wholeNumber(0, 1000),
      GAP_DEFAULTS.smoothing,
    )
    .option(
      "--merge-distance <chars>",
      "spans at most this far apart become one",
      wholeNumber(0, 100_000),
      GAP_DEFAULTS.mergeDistance,
    )
    .option("--pair <name|file>", "the pair: micro, or a JSON file", filledText, "micro")
    .option("--small <spec>", "another small model, e.g. gguf:PATH", filledText)
    .option("--big <spec>", "another big model", filledText)
    .option("--threads <n>", "threads of each model", wholeNumber(1, 256))
    .option("--json", "one JSON document on standard output, nothing else there")
    .addHelpText("after", HELP)
    .action(async (file: string, flags: AnnotateFlags) => {
      const { share, minimumGap, smoothing, mergeDistance, threads, out } = flags;
      const rows = await readJsonLines(file, traceRowSchema);
      if (rows.length === 0) throw new DataError(`${file} has no rows.`, { code: "data-invalid" });
      const config = await loadPairConfig(flags.pair);
      const progress = new Progress(terminal, "traces");
      try {
        await using pair = await Pair.open(
          { ...config, small: flags.small ?? config.small, big: flags.big ?? config.big },
          { sequences: 1, ...(threads === undefined ? {} : { threads }) },
          terminal.signal,
        );
        progress.start(0);
        const result = await annotateByGap(rows, {
          ...pair.both,
          share,
          minimumGap,
          smoothing,
          mergeDistance,
          prompt: (problem) => {
            const { prompt, promptForBig } = pair.render([{ role: "user", content: problem }]);
            return { small: prompt, big: promptForBig ?? prompt };
          },
          onProgress: (done, total) => progress.update(done, total),
          signal: terminal.signal,
        });
        await writeFileAtomic(out, toJsonLines(result.rows));
        progress.end();
        const { spans, threshold } = result;
        const document = { rows: rows.length, spans, share: result.share, threshold, out };
        terminal.out(
          flags.json === true
            ? `${JSON.stringify(document, null, 2)}\n`
            : `${count(rows.length)} traces, ${count(spans)} spans with ${percent(result.share)} of the tokens, ` +
                `gap of at least ${threshold.toFixed(2)} nats a word; written to ${out}\n`,
        );
      } finally {
        progress.end();
      }
    });
}

const HELP = `
Example:
  splitreason data annotate traces.jsonl --share 0.06 --out annotated.jsonl
  splitreason train sft --model runs/small/model --data annotated.jsonl --out runs/tuned
`;
