/** `splitreason serve`: serves the pair at one OpenAI-compatible endpoint until a signal ends it. */
import { existsSync } from "node:fs";

import { type Command, Option } from "commander";

import { given } from "../../core/given.ts";
import { onAbort } from "../../core/async.ts";
import { parsePolicySpec } from "../../decode/index.ts";
import { type PairConfig, pairPolicyOptions } from "../../decode/pair/pair-config.ts";
import {
  type GatewayConfig,
  type GatewayConfigInput,
  loadGatewayConfig,
  pairOf,
  parseGatewayConfig,
  readApiKey,
  requireHonouredPresets,
} from "../../gateway/config/config.ts";
import { microExample } from "../../micro/index.ts";
import {
  addPolicyFlags,
  biasFlag,
  bigFlag,
  bigTimeoutFlag,
  budgetFlag,
  hardBudgetFlag,
  contextFlag,
  filledText,
  maxTokensFlag,
  pairFlag,
  type PairFlags,
  POLICY_LIST,
  type PolicyFlags,
  smallFlag,
  tagsFlag,
  temperatureFlag,
  threadsFlag,
  wholeNumber,
} from "../support/flags.ts";
import type { CommandContext } from "../support/command.ts";
import { pairConfigFrom, policyFrom, takesShare, withWantedShare } from "../support/settings.ts";

/** Read from the working folder when no other file is named. */
export const CONFIG_FILE = "splitreason.config.json";

interface ServeFlags extends PolicyFlags, Partial<Omit<PairFlags, "seed" | "json">> {
  readonly config?: string;
  readonly host?: string;
  readonly port?: number;
  readonly apiKeyEnv?: string;
  readonly apiKeyFile?: string;
  readonly concurrent?: number;
  readonly queue?: number;
  readonly whenSmallIsDown?: "fail" | "big";
  readonly reasoning?: "separate" | "inline";
  readonly logPrompts?: boolean;
}

export function registerServe(program: Command, context: CommandContext): void {
  const command = program
    .command("serve")
    .summary("serve the pair: one OpenAI-compatible endpoint, and a playground")
    .description(
      'Serve the pair behind one OpenAI-compatible endpoint, with a playground at /. When it is ready it prints one line of JSON, {"url": ...}, on ' +
        "standard output. Logs go to standard error, one line of JSON each. After SIGTERM or Ctrl-C it takes no new requests, lets the running ones " +
        "finish, and exits with 0.",
    )
    .option("--config <file>", `configuration file (default: ./${CONFIG_FILE}, if it exists)`, filledText)
    .option("--host <address>", "address to listen on (default: 127.0.0.1, this machine only)", filledText)
    .option("--port <n>", "port to listen on, 0 for any free one (default: 8080)", wholeNumber(0, 65_535))
    .addOption(pairFlag("the pair: micro (the default), or a JSON file with small, big and defaults"))
    .addOption(smallFlag("another small model, e.g. openai:http://127.0.0.1:8001/v1#NAME?dialect=vllm"))
    .addOption(bigFlag());
  addPolicyFlags(command)
    .addOption(biasFlag("default bias: above 0 hands over more, below 0 less"))
    .addOption(budgetFlag("default limit on the big model's share of the tokens, 0 to 1"))
    .addOption(hardBudgetFlag())
    .addOption(maxTokensFlag("longest output when a request names no limit"))
    .addOption(temperatureFlag("temperature when a request names none; 0 is greedy"))
    .addOption(
      threadsFlag("threads of each embedded model (default: one for each core; give 1 for a tiny model)"),
    )
    .addOption(tagsFlag())
    .addOption(
      contextFlag(
        "tokens of context for each generation of an embedded model (default: the longest prompt and answer, at most 8192)",
      ),
    )
    .addOption(bigTimeoutFlag())
    .option("--api-key-env <name>", "environment variable that holds the key clients must send", filledText)
    .option("--api-key-file <file>", "file that holds that key", filledText)
    .option("--concurrent <n>", "generations that run at the same time", wholeNumber(1))
    .option("--queue <n>", "requests that may wait for a place", wholeNumber(0))
    .addOption(
      new Option(
        "--when-small-is-down <what>",
        "when the small model is down: fail answers 502, big lets the big model write alone",
      ).choices(["fail", "big"]),
    )
    .addOption(
      new Option(
        "--reasoning <where>",
        "separate: reasoning_content and content; inline: all in content",
      ).choices(["separate", "inline"]),
    )
    .option("--log-prompts", "write prompts and outputs to the log, for debugging")
    .addHelpText("after", HELP)
    .action(async (flags: ServeFlags) => {
      const { terminal } = context;
      const config = await servedConfig(flags);
      const apiKey = await readApiKey(config, terminal.environment);
      // Loaded here: the server's libraries are slow to load.
      const { runGateway } = await import("../../gateway/run-gateway.ts");
      const gateway = await runGateway(config, { apiKey, examples: examples(), signal: terminal.signal });
      terminal.out(`${JSON.stringify({ url: gateway.url })}\n`);
      await aborted(terminal.signal);
      await gateway.close();
    });
}

/** The configuration file with the flags applied and the pair resolved. */
export async function servedConfig(flags: ServeFlags): Promise<GatewayConfig> {
  const path = flags.config ?? (existsSync(CONFIG_FILE) ? CONFIG_FILE : undefined);
  const file = path === undefined ? parseGatewayConfig({}, "the defaults") : await loadGatewayConfig(path);
  const { apiKeyEnv, apiKeyFile, limits, embedded, ...plain } = file;
  const { host, port, whenSmallIsDown, reasoning, logPrompts } = flags;
  const keyFlags = { apiKeyEnv: flags.apiKeyEnv, apiKeyFile: flags.apiKeyFile };
  const namesKey = flags.apiKeyEnv !== undefined || flags.apiKeyFile !== undefined;
  const pair = await servedPair(flags, file);
  requireHonouredPresets(file, pair.policy);
  const config: GatewayConfigInput = {
    ...plain,
    ...given({ host, port, whenSmallIsDown, reasoning, logPrompts }),
    ...given(namesKey ? keyFlags : { apiKeyEnv, apiKeyFile }),
    pair,
    // A lower --concurrent also lowers the largest n, since a request with a larger n could never start.
    limits: {
      ...limits,
      ...given({ concurrent: flags.concurrent, queue: flags.queue }),
      ...(flags.concurrent === undefined ? {} : { choices: Math.min(limits.choices, flags.concurrent) }),
    },
    embedded: { ...embedded, ...given({ threads: flags.threads, contextTokens: flags.context }) },
  };
  return parseGatewayConfig(config, "the flags");
}

async function servedPair(flags: ServeFlags, file: GatewayConfig): Promise<PairConfig> {
  const base = flags.pair === undefined ? await pairOf(file) : undefined;
  const pair = await withWantedShare(await pairConfigFrom(flags, base), flags);
  // A wrong policy is reported now, not at the first request.
  const { name } = policyFrom(flags, pair);
  if (flags.policy === undefined && flags.share === undefined) return pair;
  const spec = flags.policy ?? pair.policy;
  const share = takesShare(name) && flags.share !== undefined ? { share: flags.share } : {};
  return {
    ...pair,
    policy: name,
    policyOptions: pairPolicyOptions(pair, spec, { ...parsePolicySpec(spec).options, ...share }),
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    onAbort(signal, resolve);
  });
}

/** Seed of the examples. They are from the test split, on which no shipped model was trained. */
const EXAMPLE_SEED = 11;

function examples(): { title: string; problem: string }[] {
  return [0, 1, 2].map((index) => {
    const { problem, text } = microExample("test", EXAMPLE_SEED, index);
    const products = problem.steps.filter(({ operation }) => operation === "multiply").length;
    const hard = products === 1 ? "1 product" : `${products} products`;
    return { title: `${problem.steps.length} steps, ${hard}`, problem: text };
  });
}

const HELP = `
${POLICY_LIST}

Flags override the file; \`splitreason config check FILE\` says what is wrong in one. docs/serving.md explains every field.

Examples:
  splitreason serve
  curl http://127.0.0.1:8080/v1/chat/completions -H 'content-type: application/json' \\
    -d '{"model": "splitreason", "messages": [{"role": "user", "content": "Start with 347. First, add 85. What is the result modulo 1000?"}]}'

  splitreason serve --port 0                        any free port; the first line on standard output says which
  splitreason serve --small 'openai:http://127.0.0.1:8001/v1#small?dialect=vllm&template=deepseek-r1' \\
                    --big   'openai:http://10.0.0.7:8000/v1#big?dialect=sglang&template=deepseek-r1'
  SPLITREASON_KEY=... splitreason serve --host 0.0.0.0 --api-key-env SPLITREASON_KEY
  splitreason serve --policy step-score:threshold=6   the default of requests that name no policy
  splitreason serve --budget 0.05                   at most 5% by the big model, unless a request says otherwise

Model names turn the dial without extra fields: splitreason, splitreason@0.05 (budget), splitreason:small, splitreason:big.
`;
