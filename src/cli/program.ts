/** The whole command line: its commands, and the handling of errors. */
import { readFileSync } from "node:fs";

import { Command, CommanderError } from "commander";

import { registerData } from "./data/index.ts";
import { registerCalibrate } from "./eval/calibrate.ts";
import { registerEval } from "./eval/eval.ts";
import { registerGrade } from "./eval/grade.ts";
import { registerProfile } from "./eval/profile.ts";
import { registerReport } from "./eval/report.ts";
import { registerSimulate } from "./eval/simulate.ts";
import { registerMicro } from "./micro/index.ts";
import { registerQuickstart } from "./micro/quickstart.ts";
import { registerConfig } from "./serve/config.ts";
import { registerRequantize } from "./serve/requantize.ts";
import { registerServe } from "./serve/serve.ts";
import { registerSolve } from "./serve/solve.ts";
import { registerTrace } from "./serve/trace.ts";
import type { CommandContext, RegisterCommand } from "./support/command.ts";
import { describeError, exitStatus } from "./support/exit-status.ts";
import { paintWith, printableLine, type Terminal, wantsColor } from "./support/terminal.ts";
import { registerTrain } from "./train/index.ts";
import { registerLearn } from "./train/learn.ts";

/** Help lists them in this order. */
const COMMANDS: readonly RegisterCommand[] = [
  registerQuickstart,
  registerSolve,
  registerServe,
  registerEval,
  registerReport,
  registerGrade,
  registerCalibrate,
  registerProfile,
  registerSimulate,
  registerData,
  registerTrain,
  registerLearn,
  registerTrace,
  registerMicro,
  registerConfig,
  registerRequantize,
];

/** Runs one call and returns its exit status. It prints every error and never throws. */
export async function runCli(callArguments: readonly string[], terminal: Terminal): Promise<number> {
  const program = createProgram(terminal);
  try {
    await program.parseAsync([...callArguments], { from: "user" });
    return 0;
  } catch (error) {
    // Commander has already printed its own errors and help.
    if (!(error instanceof CommanderError)) {
      terminal.log(describeError(error, program.opts<{ debug?: boolean }>().debug === true));
    }
    return exitStatus(error);
  }
}

function createProgram(terminal: Terminal): Command {
  const program = new Command("splitreason")
    .description(
      "A small reasoning model writes and hands its hardest steps to a large one. Solve problems with a pair of models, " +
        "serve the pair, measure what it gains, and train one of your own.",
    )
    .version(packageVersion(), "-V, --version", "print the version")
    .option("--debug", "print the stack of an error")
    .option("--no-color", "print without colours (as NO_COLOR=1 does)")
    .helpOption("-h, --help", "print help with examples")
    .addHelpText("after", EXAMPLES)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.log(text),
      outputError: (text, write) => {
        write(
          `splitreason: ${printableLine(text.replace(/^error: /u, "").trim())} (--help shows what there is)\n`,
        );
      },
      getOutHelpWidth: () => Math.min(terminal.columns, 110),
      getErrHelpWidth: () => Math.min(terminal.columns, 110),
    });
  const context: CommandContext = {
    terminal,
    paint: () =>
      paintWith(
        wantsColor(terminal.environment, terminal.outIsTerminal, program.opts<{ color: boolean }>().color),
      ),
  };
  for (const register of COMMANDS) register(program, context);
  return program;
}

const EXAMPLES = `
Examples:
  splitreason quickstart
  splitreason solve "Start with 347. First, add 85. Second, multiply the last two digits by 63. What is the result modulo 1000?"
  splitreason serve
  splitreason eval micro --arms small,learned,random~learned,big --problems 200

Exit status: 0 done, 1 failed while running, 2 wrong call, 130 stopped by Ctrl-C. \`splitreason help COMMAND\` explains a command.
`;

function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  if (manifest !== null && typeof manifest === "object" && "version" in manifest)
    return String(manifest.version);
  return "unknown";
}
