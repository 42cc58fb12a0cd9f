/** `splitreason data export FILE`: writes annotated traces in the forms of TRL and SkyRL. */
import { existsSync } from "node:fs";

import { type Command, Option } from "commander";

import { given } from "../../core/given.ts";
import { count } from "../../core/figures.ts";
import { ConfigError } from "../../core/errors.ts";
import { readTextFile } from "../../core/files.ts";
import {
  conversation,
  type ExportForm,
  oncePerProblem,
  skyrlPrompts,
  trlConversation,
  trlPrompts,
} from "../../data/export/formats.ts";
import { renderedForm, tokenForm, type TurnTemplate } from "../../data/export/rendered.ts";
import { formatOf } from "../../data/files/source.ts";
import { readTraces } from "../../data/readers/read-traces.ts";
import { openRowWriter, writeRows } from "../../data/writers/row-writer.ts";
import type { TraceRow } from "../../formats/trace-row.ts";
import { BUILT_IN_TEMPLATES, type LoadedTokenizer, loadTokenizer } from "../../tokenizer/index.ts";
import { addSourceFlags, readOptions, ReadProgress, type SourceFlags } from "./source.ts";
import { SOURCE_HELP, filledText, jsonFlag, wholeNumber } from "../support/flags.ts";
import { type CommandContext, printResult } from "../support/command.ts";

interface ExportFlags extends SourceFlags {
  readonly format: "trl" | "skyrl";
  readonly task: "sft" | "rl";
  readonly shape: "prompt-completion" | "messages";
  readonly to?: "parquet" | "jsonl";
  readonly out?: string;
  readonly template?: string;
  readonly tokenizer?: string;
  readonly spanLoss?: number;
  readonly envClass: string;
  readonly json?: boolean;
}

export function registerDataExport(data: Command, { terminal }: CommandContext): void {
  const command = data
    .command("export")
    .summary("write annotated traces as TRL and SkyRL read them")
    .description(
      "Write annotated traces as other trainers read them: conversations with the tags around the hard spans, texts rendered by a chat template, or tokens with a loss " +
        "mask; or the problems alone, for reinforcement learning.",
    )
    .argument("<file>", SOURCE_HELP)
    .addOption(
      new Option("--format <name>", "the trainer whose form to write")
        .choices(["trl", "skyrl"])
        .makeOptionMandatory(),
    )
    .addOption(
      new Option("--task <name>", "sft for fine-tuning, rl for problems of reinforcement learning")
        .choices(["sft", "rl"])
        .default("sft"),
    )
    .addOption(
      new Option("--shape <name>", "form of TRL's conversations")
        .choices(["prompt-completion", "messages"])
        .default("prompt-completion"),
    )
    .option(
      "--template <name|file>",
      `TRL: write texts, rendered by this chat template (${Object.keys(BUILT_IN_TEMPLATES).join(", ")}, or a Jinja file)`,
      filledText,
    )
    .option("--tokenizer <folder>", "write tokens of this tokenizer.json, with a loss mask", filledText)
    .option(
      "--span-loss <0|1>",
      "with --tokenizer: 1 trains on the text between the tags, 0 does not (default: 1)",
      wholeNumber(0, 1),
    )
    .option("--env-class <name>", "SkyRL's environment for the problems", filledText, "aime")
    .addOption(
      new Option("--to <format>", "file format (default: by the name of --out)").choices([
        "parquet",
        "jsonl",
      ]),
    )
    .option("--out <file>", "write the rows here (default: FILE with the format in its name)", filledText);
  addSourceFlags(command)
    .addOption(jsonFlag())
    .addHelpText("after", HELP)
    .action(async (file: string, flags: ExportFlags) => {
      const out = outputPath(file, flags);
      const form = await formOf(flags);
      const progress = new ReadProgress(terminal);
      let read = 0;
      let written: number;
      const converted = async function* (
        rows: AsyncIterable<TraceRow>,
      ): AsyncGenerator<Readonly<Record<string, unknown>>> {
        for await (const row of rows) {
          progress.row();
          read += 1;
          const made = form.convert(row);
          if (made !== undefined) yield made;
        }
      };
      try {
        const rows = readTraces(file, readOptions(terminal, flags, progress));
        written = await writeRows(await openRowWriter(out, form.columns), converted(rows));
      } finally {
        progress.end();
      }
      const document = {
        file,
        format: flags.format,
        task: flags.task,
        rows: written,
        leftOut: read - written,
        out,
      };
      const leftOut =
        read > written
          ? `; ${count(read - written)} rows left out: their problem came before, or they have no answer`
          : "";
      printResult(
        terminal,
        flags,
        document,
        () =>
          `${count(written)} rows for ${flags.format === "trl" ? "TRL" : "SkyRL"} written to ${out}${leftOut}\n`,
      );
    });
}

async function formOf(flags: ExportFlags): Promise<ExportForm> {
  const { format, task, shape, template, tokenizer: folder, spanLoss, envClass } = flags;
  if (task === "rl") {
    if (template !== undefined || folder !== undefined || spanLoss !== undefined) {
      throw wrongFlags(
        "--template, --tokenizer and --span-loss are for --task sft: problems are exported as conversations.",
      );
    }
    return oncePerProblem(format === "trl" ? trlPrompts : skyrlPrompts(envClass));
  }
  if (folder !== undefined) {
    const loaded = await loadTokenizer(folder);
    return tokenForm({
      ...(await turnOf(template ?? loaded.chatTemplate, loaded, folder)),
      tokenizer: loaded.tokenizer,
      learnSpans: spanLoss !== 0,
      mask: format === "trl" ? "completion_mask" : "loss_mask",
    });
  }
  if (spanLoss !== undefined)
    throw wrongFlags("--span-loss is a matter of tokens: give --tokenizer as well.");
  if (template === undefined)
    return format === "trl" && shape === "prompt-completion" ? trlConversation : conversation;
  if (format === "skyrl")
    throw wrongFlags("SkyRL reads conversations or tokens: give --tokenizer beside --template.");
  return renderedForm(await turnOf(template, undefined, undefined));
}

/** Ends of a turn in the built-in templates, for use where no tokenizer names one. */
const ENDS: Readonly<Record<string, string>> = {
  chatml: "<|im_end|>",
  "deepseek-r1": "<｜end▁of▁sentence｜>",
  llama3: "<|eot_id|>",
};

async function turnOf(
  template: string | undefined,
  loaded: LoadedTokenizer | undefined,
  folder: string | undefined,
): Promise<TurnTemplate> {
  if (template === undefined) throw wrongFlags(`${folder ?? ""} has no chat template: give --template.`);
  const endOfTurn = loaded?.endOfTurn ?? ENDS[template];
  if (endOfTurn === undefined) {
    throw wrongFlags(
      `nothing says how a turn ends under the template ${template}: give --tokenizer, whose eos_token does.`,
    );
  }
  const source = existsSync(template) ? await readTextFile(template) : template;
  return {
    template: source,
    endOfTurn,
    ...given({ beginOfText: loaded?.beginOfText }),
  };
}

function outputPath(file: string, { format, task, to, out }: ExportFlags): string {
  if (out !== undefined) {
    if (to !== undefined && formatOf(out) !== to)
      throw wrongFlags(`--to ${to}, but --out ${out} is not named so.`);
    return out;
  }
  const base = file.startsWith("hf:")
    ? (file.split("/")[1] ?? "rows").split(/[:@]/u)[0]
    : file.replace(/\.\w+$|\/+$/u, "");
  return `${base}.${format}${task === "rl" ? "-rl" : ""}.${to ?? "parquet"}`;
}

const wrongFlags = (message: string): ConfigError => new ConfigError(message, { code: "usage" });

const HELP = `
Conversations hold the assistant's turn: the trace with its tags, after "<think>" where the trace closes a thought. The templates of DeepSeek-R1 and Qwen3 cut an assistant's thoughts
out. For such a model give --template (texts) or --tokenizer (tokens), so that the whole turn is trained.

Examples:
  splitreason data export annotated.jsonl --format trl --to parquet
  splitreason data export annotated.jsonl --format trl --template deepseek-r1 --out train.jsonl
  splitreason data export annotated.jsonl --format skyrl --tokenizer models/qwen --span-loss 0 --out train.parquet
  splitreason data export annotated.jsonl --format skyrl --task rl --env-class aime --out problems.parquet
`;
