/** `splitreason config check FILE`: reads a configuration as `serve` does, and starts nothing. */
import { existsSync } from "node:fs";

import type { Command } from "commander";

import { pairPolicy } from "../../decode/pair/pair-config.ts";
import { readKey } from "../../engines/http/transport/credentials.ts";
import { parseEngineSpec, withSpecPaths } from "../../engines/open/spec.ts";
import {
  type GatewayConfig,
  isLoopback,
  loadGatewayConfig,
  pairOf,
  readApiKey,
  requireHonouredPresets,
} from "../../gateway/config/config.ts";
import { type CommandContext, printResult } from "../support/command.ts";
import { jsonFlag } from "../support/flags.ts";
import { CONFIG_FILE } from "./serve.ts";
import { printable } from "../support/terminal.ts";

export function registerConfig(program: Command, context: CommandContext): void {
  const config = program
    .command("config")
    .summary("check the configuration of serve")
    .description("Check the configuration of `splitreason serve`.");
  config
    .command("check")
    .summary("say what is wrong in a configuration file, or how serve reads it")
    .description(
      "Read a configuration as `serve` does, with the pair and the API keys that it names, and print it with every default filled in. " +
        "No model and no port is opened. Keys are never printed.",
    )
    .argument("[file]", "the configuration file", CONFIG_FILE)
    .addOption(jsonFlag())
    .addHelpText("after", HELP)
    .action(async (file: string, flags: { readonly json?: boolean }) => {
      const { terminal } = context;
      const checked = await checkConfig(file, terminal.environment);
      printResult(terminal, flags, checked, () => printable(describe(file, checked)));
    });
}

interface CheckedConfig {
  readonly ok: true;
  readonly hasKey: boolean;
  /** The configuration with every default filled in, and the pair in place of its name. */
  readonly config: GatewayConfig;
  /** Settings that are allowed but probably not intended. */
  readonly warnings: readonly string[];
}

/** @throws ConfigError or DataError saying what is wrong. */
async function checkConfig(
  path: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<CheckedConfig> {
  const config = await loadGatewayConfig(path);
  const pair = await pairOf(config);
  for (const text of [pair.small, pair.big]) {
    const spec = parseEngineSpec(text);
    if (spec.kind === "http") await readKey(spec, { ...environment });
  }
  pairPolicy(pair);
  for (const name of Object.keys(pair.policies)) pairPolicy(pair, name);
  requireHonouredPresets(config, pair.policy);
  const hasKey = (await readApiKey(config, environment)) !== undefined;
  const warnings: string[] = [];
  if (!hasKey && !isLoopback(config.host)) {
    warnings.push(`anyone who can reach ${config.host} can use the models: set apiKeyEnv or apiKeyFile`);
  }
  if (config.logPrompts) warnings.push("prompts and outputs go into the log (logPrompts)");
  for (const author of ["small", "big"] as const) {
    withSpecPaths(pair[author], (path) => {
      if (!existsSync(path)) warnings.push(`${author}: there is no file ${path}`);
      return path;
    });
  }
  return { ok: true, hasKey, config: { ...config, pair }, warnings };
}

function describe(file: string, { config, hasKey, warnings }: CheckedConfig): string {
  const pair = typeof config.pair === "string" ? undefined : config.pair;
  const { limits } = config;
  const models = Object.keys(config.models);
  const lines = [
    `${file} is valid.`,
    `  listens on    ${config.host} port ${config.port}, ${hasKey ? "with an API key" : "without an API key"}`,
    `  small         ${pair?.small ?? ""}`,
    `  big           ${pair?.big ?? ""}`,
    `  policy        ${pair?.policy ?? ""}, budget ${pair?.dial.budget ?? 1}, bias ${pair?.dial.bias ?? 0}`,
    `  limits        ${limits.concurrent} generations at once, ${limits.queue} requests wait, ${limits.maxTokens} tokens, ` +
      `${limits.bodyBytes} bytes, ${limits.requestTimeoutMs / 1_000} s`,
    `  small away    ${config.whenSmallIsDown === "fail" ? "requests get 502" : "the big model writes alone"}`,
    `  models        splitreason, splitreason@BUDGET, splitreason:small, splitreason:big${models.map((name) => `, ${name}`).join("")}`,
    ...warnings.map((warning) => `warning: ${warning}`),
  ];
  return `${lines.join("\n")}\n`;
}

const HELP = `
Examples:
  splitreason config check                          ./${CONFIG_FILE}
  splitreason config check gateway.json --json | jq .config.limits

Exit status: 0 valid, 1 unreadable, 2 invalid. docs/serving.md explains every field.
`;
