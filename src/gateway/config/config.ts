/**
 * The configuration of `splitreason serve`, as data: one JSON file, usually `splitreason.config.json`. Flags override it.
 * Every field has a default. docs/serving.md explains each one.
 */
import { dirname, isAbsolute, join } from "node:path";

import { z } from "zod";

import { checkDocument, readDocument } from "../../core/document.ts";
import { ConfigError, DataError } from "../../core/errors.ts";
import { readTextFile } from "../../core/files.ts";
import { withMeasuredLengths } from "../../decode/pair/calibration-file.ts";
import { type PairConfig, loadPairConfig, pairConfigSchema } from "../../decode/pair/pair-config.ts";
import { requireHonoured } from "../../decode/policies/honoured-dial.ts";
import { withSpecPaths } from "../../engines/open/spec.ts";
import { dialPresetSchema, presetNameSchema } from "./model-presets.ts";

/** The longest wait of Node's timers. A longer one would end at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

const count = z.number().int().positive();
const durationMs = z.number().int().positive().max(MAX_TIMER_MS);

const limitsSchema = z
  .object({
    /** Bytes of a request's body. */
    bodyBytes: count.default(1024 * 1024),
    /** Tokens of a prompt, as the small model counts them. Default: whatever fits into its context. */
    promptTokens: count.optional(),
    /** Most tokens that a request may ask for. A request that does not say gets this, or the pair's own default if that is lower. */
    maxTokens: count.default(32_768),
    /** Generations that run at the same time. A request with `n` choices takes n of these places. */
    concurrent: count.default(16),
    /** Requests that wait for a place. The next one is refused at once with 429. */
    queue: z.number().int().nonnegative().default(64),
    /** Longest wait for a place. A request that waits longer is refused with 503. */
    queueTimeoutMs: durationMs.default(30_000),
    /** Longest time for a request, its wait included. */
    requestTimeoutMs: durationMs.default(600_000),
    /** The largest `n`. */
    choices: count.default(8),
  })
  .strict()
  .refine(({ choices, concurrent }) => choices <= concurrent, {
    path: ["choices"],
    message: "it must not be larger than limits.concurrent, or such a request could never start",
  });

const breakerSchema = z
  .object({
    /** Failures of a model in a row after which no request is sent to it. */
    failures: count.default(3),
    /** Time between two attempts to bring it back. */
    resetMs: durationMs.default(10_000),
  })
  .strict();

export const gatewayConfigSchema = z
  .object({
    $schema: z.string().optional(),
    host: z.string().min(1).default("127.0.0.1"),
    /** 0: any free port; `serve` prints which. */
    port: z.number().int().min(0).max(65_535).default(8080),
    /** `micro`, the path of a pair file (relative to this file), or the content of such a file. */
    pair: z.union([z.string().min(1), pairConfigSchema]).default("micro"),
    /** Name of the environment variable that holds the API key which clients must send. */
    apiKeyEnv: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/u, "it must be the name of an environment variable")
      .optional(),
    /** A file whose only content is that key. */
    apiKeyFile: z.string().min(1).optional(),
    limits: limitsSchema.default(limitsSchema.parse({})),
    /** When the small model is away: refuse with 502, or let the big one write alone. */
    whenSmallIsDown: z.enum(["fail", "big"]).default("fail"),
    breaker: breakerSchema.default(breakerSchema.parse({})),
    /** Time that running requests have to end after SIGTERM. */
    drainMs: z.number().int().nonnegative().max(MAX_TIMER_MS).default(30_000),
    /** Put prompts and outputs into the log. They may hold anything that users type. */
    logPrompts: z.boolean().default(false),
    /** `separate`: `reasoning_content` and `content`; `inline`: everything in `content`. */
    reasoning: z.enum(["separate", "inline"]).default("separate"),
    /** Further model names, each a preset of the dial. */
    models: z.record(presetNameSchema, dialPresetSchema).default({}),
    /** Settings of the models in this process (`micro:`, `gguf:`). */
    embedded: z
      .object({
        threads: z.number().int().positive().max(256).optional(),
        /**
         * Tokens of context for each generation. Each place reserves memory for all of them. Default: `limits.promptTokens` (or 4096) and an
         * answer of the pair's `maxTokens`, at most 8192 and what the model was made for.
         */
        contextTokens: count.optional(),
      })
      .strict()
      .default({}),
  })
  .strict()
  .refine(({ apiKeyEnv, apiKeyFile }) => apiKeyEnv === undefined || apiKeyFile === undefined, {
    path: ["apiKeyFile"],
    message: "give apiKeyEnv or apiKeyFile, not both",
  });

export type GatewayConfigInput = z.input<typeof gatewayConfigSchema>;
export type GatewayConfig = z.output<typeof gatewayConfigSchema>;

/**
 * Checks values from anywhere.
 * @param where The name of the values in the message, e.g. the path of a file.
 * @throws ConfigError that names every field that is wrong (at most 5).
 */
export const parseGatewayConfig = (value: unknown, where: string): GatewayConfig =>
  checkDocument(value, gatewayConfigSchema, { name: where, source: "config", maxFaults: MAX_FAULTS });

const MAX_FAULTS = 5;

/**
 * Reads a configuration file. Its relative paths are relative to its folder.
 * @throws ConfigError for what is wrong in it; DataError when it cannot be read.
 */
export async function loadGatewayConfig(path: string): Promise<GatewayConfig> {
  const config = await readDocument(path, gatewayConfigSchema, { source: "config", maxFaults: MAX_FAULTS });
  if (typeof config.pair !== "string") {
    requireHonoured(config.pair.policy, config.pair.dial, `${path}, field pair.dial`);
  }
  const folder = dirname(path);
  return {
    ...config,
    pair: typeof config.pair === "string" ? pathIn(folder, config.pair) : pairIn(folder, config.pair),
    ...(config.apiKeyFile === undefined ? {} : { apiKeyFile: absolute(folder, config.apiKeyFile) }),
  };
}

/** The pair that the configuration names. */
export async function pairOf(config: GatewayConfig): Promise<PairConfig> {
  return withMeasuredLengths(
    typeof config.pair === "string" ? await loadPairConfig(config.pair) : config.pair,
  );
}

/** Whether only programs on this machine can reach an address to listen on. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/u.test(host);
}

/**
 * Checks the presets of the dial. A preset without a policy belongs to the pair's own.
 * @throws ConfigError for a setting that its policy cannot honour.
 */
export function requireHonouredPresets({ models }: Pick<GatewayConfig, "models">, policySpec: string): void {
  for (const [name, { policy, ...dial }] of Object.entries(models)) {
    requireHonoured(policy ?? policySpec, dial, `field models.${name}`);
  }
}

/**
 * The API key that clients must send. Undefined when none is configured.
 * @throws ConfigError when a key is configured but missing: a gateway that should have a key never runs without one.
 */
export async function readApiKey(
  config: Pick<GatewayConfig, "apiKeyEnv" | "apiKeyFile">,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  const { apiKeyEnv, apiKeyFile } = config;
  if (apiKeyEnv !== undefined)
    return checkedKey(environment[apiKeyEnv], `the environment variable ${apiKeyEnv}`);
  if (apiKeyFile === undefined) return undefined;
  try {
    return checkedKey(await readTextFile(apiKeyFile, 64 * 1024), `the key file ${apiKeyFile}`);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new ConfigError(`the API key: ${error.message}`, { code: "config-invalid", cause: error });
  }
}

/** Refuses an empty key, which lets everyone in, and one that no HTTP header can carry, which locks everyone out. */
function checkedKey(text: string | undefined, where: string): string {
  const key = text?.trim() ?? "";
  if (/^[\x21-\x7e]{8,}$/u.test(key)) return key;
  const fault =
    key === ""
      ? "is not set or empty"
      : "does not hold a key of at least 8 visible ASCII characters without spaces";
  throw new ConfigError(`${where} ${fault}; without it the gateway does not start.`, {
    code: "config-invalid",
  });
}

const absolute = (folder: string, path: string): string => (isAbsolute(path) ? path : join(folder, path));
const pathIn = (folder: string, pair: string): string => (pair === "micro" ? pair : absolute(folder, pair));

function pairIn(folder: string, pair: PairConfig): PairConfig {
  const specIn = (spec: string): string => withSpecPaths(spec, (path) => absolute(folder, path));
  return {
    ...pair,
    small: specIn(pair.small),
    big: specIn(pair.big),
    ...(pair.calibration === undefined ? {} : { calibration: absolute(folder, pair.calibration) }),
  };
}
